/** What a table is given, and its rows as they stand: in groups, each below a line with its name. */
import type { ReactNode } from 'react';
import type { Column } from './columns';

export interface TableProps<Row> {
  /** Under which this browser keeps the widths of columns, and what a reader is told. */
  name: string;
  label: string;
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  columns: readonly Column<Row>[];
  sort?: string;
  onSort?: (sort: string) => void;
  /** The columns in another order. */
  onOrder?: (ids: string[]) => void;
  selected?: ReadonlySet<string>;
  onSelected?: (keys: ReadonlySet<string>) => void;
  onOpen?: (row: Row) => void;
  /** Rows of one group stand together below its name. */
  groupOf?: (row: Row) => string;
  groupHead?: (name: string, rows: readonly Row[]) => ReactNode;
}

export type Item<Row> =
  { kind: 'row'; row: Row; key: string } | { kind: 'group'; name: string; rows: Row[]; key: string };

/** Rows as they stand: in groups, each below a line with its name. */
export function itemsOf<Row>(
  rows: readonly Row[],
  rowKey: (row: Row) => string,
  groupOf?: (row: Row) => string,
): Item<Row>[] {
  const asRow = (row: Row): Item<Row> => ({ kind: 'row', row, key: rowKey(row) });
  if (!groupOf) return rows.map(asRow);
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = groupOf(row);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups].flatMap(([name, part]) => [
    { kind: 'group' as const, name, rows: part, key: `group ${name}` },
    ...part.map(asRow),
  ]);
}
