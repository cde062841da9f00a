/** A row token by token: its roles in colours, what is learned on a ground of its role's colour. */
import { Link } from '@tanstack/react-router';
import { type CSSProperties, useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './data.module.css';
import { colorOf, stretches } from './parts';
import type { DataRow } from './queries';
import { words } from './strings';

const MOST = 1500;

interface Props {
  run: string;
  source: string;
  row: DataRow;
  roles: readonly string[];
}

export function Row({ run, source, row, roles }: Props) {
  const said = useStrings(words);
  const [most, setMost] = useState(MOST);
  const trained = row.tokens.filter((token) => token.weight !== 0).length;
  return (
    <article className={css.row}>
      <h3>
        {said.row} {row.row}
        {row.part && ` · ${row.part}`}
        <small>{said.size(figure(row.tokens.length), figure(trained))}</small>
        <Link
          to="/runs/$run/{-$tab}"
          params={{ run, tab: 'lineage' } as never}
          search={{ source, row: row.row } as never}
        >
          {said.steps}
        </Link>
      </h3>
      <p className={css.tokens}>
        {stretches(row.tokens.slice(0, most)).map((stretch, index) => (
          <span
            key={index}
            className={css.stretch}
            data-learned={stretch.weight !== 0 || undefined}
            style={
              {
                '--role': `var(--series-${colorOf(stretch.role, roles)})`,
                '--weight': `${Math.round(30 * Math.min(1, Math.abs(stretch.weight)))}%`,
              } as CSSProperties
            }
          >
            {stretch.tokens.map((token, place) => (
              <span key={place} title={said.token(token.role || '–', figure(token.weight), token.id)}>
                {token.text}
              </span>
            ))}
          </span>
        ))}
      </p>
      {row.tokens.length > most && (
        <Button onClick={() => setMost(row.tokens.length)}>
          {said.more(figure(row.tokens.length - most))}
        </Button>
      )}
    </article>
  );
}

/** Which colour is which role. */
export function Roles({ roles }: { roles: readonly string[] }) {
  return (
    <ul className={css.roles}>
      {roles.map((role) => (
        <li key={role} style={{ '--role': `var(--series-${colorOf(role, roles)})` } as CSSProperties}>
          {role || '–'}
        </li>
      ))}
    </ul>
  );
}
