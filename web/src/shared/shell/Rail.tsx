/** The rail: a link a page, with names when it is open; on a phone a bar at the foot. */
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { features } from '~/features';
import { isStranger, useSession } from '~/shared/api/session';
import { IconButton } from '~/shared/controls/Button';
import { Icon } from '~/shared/controls/icons';
import { useStrings, useWords } from '~/shared/i18n/i18n';
import css from './shell.module.css';
import { words } from './strings';

export function Rail() {
  const said = useStrings(words);
  const word = useWords();
  const [open, setOpen] = useState(false);
  const session = useSession().data;
  // Whoever has not signed in to a team's server is led nowhere yet.
  const isOut = session?.is_team && !session.person;
  const shown = features.filter((one) => !isOut && (one.isPublic || !isStranger(session)));
  return (
    <nav className={open ? css.railOpen : css.rail} aria-label={said.rail}>
      <Link to="/" className={css.mark} aria-label="whet">
        <img src="/icon.svg" alt="" width={24} height={24} />
        {open && <b>whet</b>}
      </Link>
      <ul className={css.pages}>
        {shown.map((feature) =>
          feature.rail ? (
            <li key={feature.id}>
              <Link
                to={`/${feature.path}`}
                className={css.page}
                activeProps={{ 'data-active': true }}
                title={open ? undefined : word(feature.title)}
              >
                <Icon name={feature.rail.icon} size={18} />
                <span className={css.name}>{word(feature.title)}</span>
              </Link>
            </li>
          ) : null,
        )}
      </ul>
      <span className={css.railFoot}>
        <IconButton
          icon={open ? 'left' : 'right'}
          label={open ? said.shut : said.open}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        />
      </span>
    </nav>
  );
}
