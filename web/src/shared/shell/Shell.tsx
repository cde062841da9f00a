/** The frame of every view: the rail of pages, the line at the top, and content beneath it. */
import { Outlet, useNavigate } from '@tanstack/react-router';
import { features } from '~/features';
import { useStrings } from '~/shared/i18n/i18n';
import { type Key, useKeys } from '~/shared/keys/keys';
import { useState } from 'react';
import { Toasts } from '~/shared/controls/Toasts';
import { KeysDialog } from './KeysDialog';
import { Palette } from './Palette';
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
  const [open, setOpen] = useState<'palette' | 'keys' | null>(null);
  const close = () => setOpen(null);
  useKeys([
    {
      keys: 'mod+k',
      does: { en: 'Find runs, pages and actions', zh: '查找实验、页面与操作' },
      run: () => setOpen('palette'),
    },
    { keys: '?', does: { en: 'Show these keys', zh: '显示快捷键' }, run: () => setOpen('keys') },
    ...keys,
  ]);
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#content">
        {said.skip}
      </a>
      <Rail />
      <div className={css.main}>
        <TopLine onSearch={() => setOpen('palette')} onKeys={() => setOpen('keys')} />
        <main id="content" className={css.content} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Palette open={open === 'palette'} onClose={close} />
      <KeysDialog open={open === 'keys'} onClose={close} />
      <Toasts />
    </div>
  );
}
