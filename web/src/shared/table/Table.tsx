/** A table of any length: only rows that are seen exist. Sorted by its heads, moved through by keys, selected by x. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, useMemo, useRef } from 'react';
import { useWidths } from './columns';
import { Head } from './Head';
import { type TableProps, itemsOf } from './items';
import css from './table.module.css';
import { Line } from './Line';
import { useRowKeys } from './useRowKeys';

const ROW_PX = 32;
const CHECK_PX = 36;

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
