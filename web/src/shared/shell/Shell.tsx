/** The frame of every view: the rail of pages, the line at the top, and content beneath it. */
import { Outlet, useNavigate } from '@tanstack/react-router';
import { features } from '~/features';
import { useStrings } from '~/shared/i18n/i18n';
import { type Key, useKeys } from '~/shared/keys/keys';
import { Rail } from './Rail';
import css from './shell.module.css';
import { words } from './strings';
import { TopLine } from './TopLine';

export function Shell() {
  const said = useStrings(words);
  const navigate = useNavigate();
  const keys = features.flatMap((feature): Key[] =>
    feature.rail
      ? [
          {
            keys: `g ${feature.rail.key}`,
            does: { en: `Go to ${feature.title.en}`, zh: `前往${feature.title.zh}` },
            run: () => void navigate({ to: `/${feature.path}` }),
          },
        ]
      : [],
  );
  useKeys(keys);
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#content">
        {said.skip}
      </a>
      <Rail />
      <div className={css.main}>
        <TopLine />
        <main id="content" className={css.content} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
    </div>
  );
}
