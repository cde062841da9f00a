/** A table of any length: only rows that are seen exist. Sorted by its heads, moved through by keys, selected by x. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type ReactNode, useMemo, useRef } from 'react';
import { type Column, useWidths } from './columns';
import { Head } from './Head';
import css from './table.module.css';
import { Line } from './Line';
import { useRowKeys } from './useRowKeys';

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

const ROW_PX = 32;
const CHECK_PX = 36;
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

export function Table<Row>(props: TableProps<Row>) {
  const { name, label, rows, rowKey, columns, groupOf, onSelected } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [widths, setWidth] = useWidths(name);
  const items = useMemo(() => itemsOf(rows, rowKey, groupOf), [rows, rowKey, groupOf]);
  const lines = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => items[index]?.key ?? index,
    overscan: 12,
    scrollPaddingStart: ROW_PX,
  });
  const [active, setActive] = useRowKeys(props, items, (index) => lines.scrollToIndex(index));
  const tracks = [...(onSelected ? [CHECK_PX] : []), ...columns.map((one) => widths[one.id] ?? one.width)];
  const style = {
    '--columns': tracks.map((width) => `${width}px`).join(' '),
    '--wide': `${tracks.reduce((sum, width) => sum + width, 0)}px`,
  } as CSSProperties;
  return (
    <div
      ref={scroller}
      className={css.table}
      style={style}
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-multiselectable={onSelected ? true : undefined}
      tabIndex={0}
    >
      <Head {...props} widths={widths} onWidth={setWidth} />
      <div className={css.body} style={{ height: lines.getTotalSize() }} role="rowgroup">
        {lines.getVirtualItems().map((virtual) => {
          const item = items[virtual.index];
          if (!item) return null;
          return (
            <Line
              key={item.key}
              item={item}
              table={props}
              top={virtual.start}
              index={virtual.index}
              isActive={virtual.index === active}
              onActive={setActive}
            />
          );
        })}
      </div>
    </div>
  );
}
