/** The versions of a model, the newest first; each opens in full. */
import { Link } from '@tanstack/react-router';
import type { RegisteredModel, VersionRow } from '~/shared/api/registry';
import { bytes, figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Aliases } from '~/shared/registry/Aliases';
import { figureNames, figuresOf } from '~/shared/registry/figures';
import { kinds } from '~/shared/registry/strings';
import css from './model.module.css';
import { words } from './strings';

const FIGURES = 6;

export function Versions({ model, onOpen }: { model: RegisteredModel; onOpen: (version: number) => void }) {
  const said = useStrings(words);
  const figures = figureNames(model.versions, FIGURES);
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={said.versions}>
      <table className={css.table}>
        <thead>
          <tr>
            <th>{said.version}</th>
            <th>{said.aliases}</th>
            {figures.map((name) => (
              <th key={name} className={css.number}>
                {name}
              </th>
            ))}
            <th>{said.kind}</th>
            <th>{said.base}</th>
            <th>{said.run}</th>
            <th className={css.number}>{said.size}</th>
            <th>{said.made}</th>
            <th>{said.by}</th>
          </tr>
        </thead>
        <tbody>
          {model.versions.map((row) => (
            <Row key={row.version} row={row} figures={figures} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Props {
  row: VersionRow;
  figures: readonly string[];
  onOpen: (version: number) => void;
}

function Row({ row, figures, onOpen }: Props) {
  const kindWords: Readonly<Record<string, string>> = useStrings(kinds);
  const known = new Map(figuresOf(row));
  return (
    <tr>
      <td>
        <button type="button" className={css.open} onClick={() => onOpen(row.version)}>
          {row.name}/{row.version}
        </button>
      </td>
      <td>
        <Aliases aliases={row.alias} />
      </td>
      {figures.map((name) => (
        <td key={name} className={css.number}>
          {known.has(name) ? figure(known.get(name) ?? NaN) : '—'}
        </td>
      ))}
      <td>{kindWords[row.kind] ?? row.kind}</td>
      <td className={css.long} title={row.base ?? undefined}>
        {row.base ?? '—'}
      </td>
      <td className={css.long}>
        {row.run ? (
          <Link to="/runs/$run/{-$tab}" params={{ run: row.run } as never}>
            {row.run}
          </Link>
        ) : (
          '—'
        )}
      </td>
      <td className={css.number}>{bytes(row.bytes)}</td>
      <td>
        <Time time={row.created} />
      </td>
      <td>{row.by ?? '—'}</td>
    </tr>
  );
}
