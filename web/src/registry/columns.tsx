/** Columns of the table of models: what every version has, and any figure or tag. */
import { Link } from '@tanstack/react-router';
import { isNumeric, real } from '~/shared/api/numbers';
import type { VersionRow } from '~/shared/api/registry';
import { bytes, figure, whole } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import type { useStrings } from '~/shared/i18n/i18n';
import { baseName } from '~/shared/registry/base';
import { Aliases } from '~/shared/registry/Aliases';
import type { kinds } from '~/shared/registry/strings';
import type { Column } from '~/shared/table/columns';
import css from './registry.module.css';
import type { words } from './strings';

export type Said = ReturnType<typeof useStrings<typeof words>> & ReturnType<typeof useStrings<typeof kinds>>;

/** What a column is called; `full` and the like are kinds and no heads. */
export function headOf(id: string, said: Said): string {
  const known: Readonly<Record<string, unknown>> = said;
  const head = known[id];
  return typeof head === 'string' ? head : id;
}

/** The column of a name. */
export function columnOf(id: string, said: Said): Column<VersionRow> {
  const shared = { id, head: headOf(id, said), sortable: id !== 'alias' };
  switch (id) {
    case 'name':
      return {
        ...shared,
        width: 240,
        title: (row) => row.description || row.name,
        cell: (row) => <Name row={row} />,
      };
    case 'version':
      return { ...shared, width: 80, align: 'right', cell: (row) => row.version };
    case 'alias':
      return {
        ...shared,
        width: 160,
        title: (row) => row.alias.join(', '),
        cell: (row) => <Aliases aliases={row.alias} />,
      };
    case 'kind':
      return { ...shared, width: 96, cell: (row) => headOf(row.kind, said) };
    case 'base':
      return {
        ...shared,
        width: 144,
        title: (row) => row.base ?? undefined,
        cell: (row) => (row.base ? baseName(row.base) : '—'),
      };
    case 'bytes':
      return { ...shared, width: 96, align: 'right', cell: (row) => bytes(row.bytes) };
    case 'step':
      return {
        ...shared,
        width: 80,
        align: 'right',
        cell: (row) => (row.step === null ? '—' : whole(row.step)),
      };
    case 'created':
      return { ...shared, width: 116, cell: (row) => <Time time={row.created} /> };
    case 'run':
      return {
        ...shared,
        width: 160,
        title: (row) => row.run ?? undefined,
        cell: (row) => <Run row={row} />,
      };
    default:
      return {
        ...shared,
        width: 112,
        title: (row) => textOf(row[id]),
        cell: (row) => <Value value={row[id]} />,
      };
  }
}

function Name({ row }: { row: VersionRow }) {
  return (
    <span className={css.name}>
      <Link to="/registry/$model" params={{ model: row.name } as never}>
        {row.name}
      </Link>
      {row.description && <small>{row.description}</small>}
    </span>
  );
}

function Run({ row }: { row: VersionRow }) {
  if (!row.run) return '—';
  return (
    <Link className={css.link} to="/runs/$run/{-$tab}" params={{ run: row.run } as never}>
      {row.run}
    </Link>
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined || value === '') return '—';
  return isNumeric(value) ? figure(real(value)) : String(value);
}

function Value({ value }: { value: unknown }) {
  return <span className={isNumeric(value) ? css.number : undefined}>{textOf(value)}</span>;
}
