/** The versions of a model, the newest first; each opens in full. */
import { Link } from '@tanstack/react-router';
import type { RegisteredModel, VersionRow } from '~/shared/api/registry';
import { bytes, figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { baseName } from '~/shared/registry/base';
import { Aliases } from '~/shared/registry/Aliases';
import { figureNames, figuresOf } from '~/shared/registry/figures';
import { kinds } from '~/shared/registry/strings';
import { PlainTable } from '~/shared/table/PlainTable';
import css from './model.module.css';
import { words } from './strings';

const FIGURES = 6;

interface AllProps {
  model: RegisteredModel;
  /** Two at most, which are compared. */
  compared: readonly number[];
  onOpen: (version: number) => void;
  onCompare: (versions: number[]) => void;
}

export function Versions({ model, compared, onOpen, onCompare }: AllProps) {
  const said = useStrings(words);
  const figures = figureNames(model.versions, FIGURES);
  const several = model.versions.length > 1;
  // A third one takes the place of the one that was chosen first.
  const toggle = (version: number) =>
    onCompare(
      compared.includes(version)
        ? compared.filter((one) => one !== version)
        : [...compared.slice(-1), version],
    );
  return (
    <PlainTable label={said.versions}>
      <thead>
        <tr>
          {several && <th className={css.check}>{said.compare}</th>}
          <th>{said.version}</th>
          <th>{said.aliases}</th>
          {figures.map((name) => (
            <th key={name} data-number>
              {name}
            </th>
          ))}
          <th>{said.kind}</th>
          <th>{said.base}</th>
          <th>{said.run}</th>
          <th data-number>{said.size}</th>
          <th>{said.made}</th>
          <th>{said.by}</th>
        </tr>
      </thead>
      <tbody>
        {model.versions.map((row) => (
          <Row
            key={row.version}
            row={row}
            figures={figures}
            onOpen={onOpen}
            isCompared={compared.includes(row.version)}
            onCompare={several ? () => toggle(row.version) : undefined}
          />
        ))}
      </tbody>
    </PlainTable>
  );
}

interface Props {
  row: VersionRow;
  figures: readonly string[];
  isCompared: boolean;
  onOpen: (version: number) => void;
  /** Undefined where there is nothing to compare with. */
  onCompare: (() => void) | undefined;
}

function Row({ row, figures, isCompared, onOpen, onCompare }: Props) {
  const said = useStrings(words);
  const kindWords: Readonly<Record<string, string>> = useStrings(kinds);
  const known = new Map(figuresOf(row));
  return (
    <tr>
      {onCompare && (
        <td className={css.check}>
          <input
            type="checkbox"
            checked={isCompared}
            aria-label={said.compareOf(`${row.name}/${row.version}`)}
            onChange={onCompare}
          />
        </td>
      )}
      <td>
        <button type="button" className={css.open} onClick={() => onOpen(row.version)}>
          {row.name}/{row.version}
        </button>
      </td>
      <td>
        <Aliases aliases={row.alias} />
      </td>
      {figures.map((name) => (
        <td key={name} data-number>
          {known.has(name) ? figure(known.get(name) ?? NaN) : '—'}
        </td>
      ))}
      <td>{kindWords[row.kind] ?? row.kind}</td>
      <td className={css.long} title={row.base ?? undefined}>
        {row.base ? baseName(row.base) : '—'}
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
      <td data-number>{bytes(row.bytes)}</td>
      <td>
        <Time time={row.created} />
      </td>
      <td>{row.by ?? '—'}</td>
    </tr>
  );
}
