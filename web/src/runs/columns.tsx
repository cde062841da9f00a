/** Columns of the runs table: those that every run has, and any name of the tracker's. */
import { Link } from '@tanstack/react-router';
import { isNumeric, real } from '~/shared/api/numbers';
import type { RunRow } from '~/shared/api/runs';
import { Spark } from '~/shared/chart/Spark';
import { Icon } from '~/shared/controls/icons';
import { duration, figure, whole } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { StatusBadge } from '~/shared/status/StatusBadge';
import type { Column } from '~/shared/table/columns';
import css from './runs.module.css';
import { words } from './strings';

type Said = ReturnType<typeof useStrings<typeof words>>;

/** What a column is called. */
export function headOf(id: string, said: Said): string {
  const known: Readonly<Record<string, unknown>> = said;
  const head = known[id];
  return typeof head === 'string' ? head : id;
}

/** The column of a name. */
export function columnOf(id: string, said: Said): Column<RunRow> {
  const shared = { id, head: headOf(id, said), sortable: id !== 'spark' && id !== 'tags' };
  const number = (text: (row: RunRow) => string, width = 96): Column<RunRow> => ({
    ...shared,
    width,
    align: 'right',
    cell: text,
  });
  switch (id) {
    case 'name':
      return {
        ...shared,
        width: 240,
        title: (row) => row.notes || row.name,
        cell: (row) => <Name row={row} />,
      };
    case 'status':
      return {
        ...shared,
        width: 120,
        title: (row) => row.reason,
        cell: (row) => <StatusBadge status={row.status} reason={row.reason} />,
      };
    case 'step':
      return { ...shared, width: 112, align: 'right', cell: (row) => <Progress row={row} /> };
    case 'loss':
      return number((row) => optional(row.loss, figure));
    case 'tokens_per_s':
      return number((row) => optional(row.tokens_per_s, figure));
    case 'attempts':
      return number((row) => String(row.attempts), 80);
    case 'duration_s':
      return number((row) => duration(row.duration_s));
    case 'started':
      return { ...shared, width: 116, cell: (row) => <Time time={row.started} /> };
    case 'spark':
      return {
        ...shared,
        width: 116,
        cell: (row) => <Spark values={row.spark} label={said.sparkOf(row.name)} />,
      };
    case 'tags':
      return {
        ...shared,
        width: 180,
        title: (row) => row.tags.join(', '),
        cell: (row) => <Tags tags={row.tags} />,
      };
    default:
      return {
        ...shared,
        width: 128,
        title: (row) => textOf(row[id]),
        cell: (row) => <Value value={row[id]} />,
      };
  }
}

const optional = (value: unknown, format: (value: number) => string) =>
  value === null || value === undefined ? '—' : format(real(value));

function Name({ row }: { row: RunRow }) {
  const said = useStrings(words);
  return (
    <span className={css.name}>
      {row.pinned && (
        <span title={said.pinned}>
          <Icon name="pin" size={13} />
          <span className="hidden">{said.pinned}</span>
        </span>
      )}
      <Link
        to="/runs/$run/{-$tab}"
        params={{ run: row.name } as never}
        data-archived={row.archived || undefined}
      >
        {row.name}
      </Link>
      {row.notes && <small>{row.notes}</small>}
    </span>
  );
}

function Progress({ row }: { row: RunRow }) {
  if (row.step === null) return '—';
  const share = row.total ? Math.min(1, row.step / row.total) : null;
  return (
    <span className={css.progress}>
      {whole(row.step)}
      {row.total !== null && <small> / {figure(row.total)}</small>}
      {share !== null && row.status === 'running' && (
        <span className={css.bar} style={{ width: `${100 * share}%` }} />
      )}
    </span>
  );
}

export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className={css.tags}>
      {tags.map((tag) => (
        <span key={tag}>{tag}</span>
      ))}
    </span>
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '—';
  if (isNumeric(value)) return figure(real(value));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function Value({ value }: { value: unknown }) {
  return <span className={isNumeric(value) ? css.number : undefined}>{textOf(value)}</span>;
}
