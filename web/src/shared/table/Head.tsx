/** The head of a table: sorts when it is clicked, is dragged to another place, and wider by its edge. */
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { Icon } from '~/shared/controls/icons';
import { useStrings } from '~/shared/i18n/i18n';
import { type Column, moved, nextSort, sortedBy } from './columns';
import { words } from './strings';
import css from './table.module.css';
import type { TableProps } from './items';

type Props<Row> = TableProps<Row> & {
  widths: Readonly<Record<string, number>>;
  onWidth: (id: string, width: number) => void;
};

export function Head<Row>(props: Props<Row>) {
  const said = useStrings(words);
  const { rows, rowKey, columns, selected, onSelected } = props;
  const isAll = rows.length > 0 && rows.every((row) => selected?.has(rowKey(row)));
  const isSome = !isAll && (selected?.size ?? 0) > 0;
  return (
    <div className={css.head} role="row" aria-rowindex={1}>
      {onSelected && (
        <div role="columnheader" className={css.check}>
          <input
            type="checkbox"
            aria-label={said.selectAll}
            checked={isAll}
            ref={(box) => {
              if (box) box.indeterminate = isSome;
            }}
            onChange={() => onSelected(isAll ? new Set() : new Set(rows.map(rowKey)))}
          />
        </div>
      )}
      {columns.map((column) => (
        <HeadCell key={column.id} column={column} {...props} />
      ))}
    </div>
  );
}

function HeadCell<Row>({
  column,
  columns,
  sort = '',
  onSort,
  onOrder,
  widths,
  onWidth,
}: Props<Row> & { column: Column<Row> }) {
  const [isOver, setOver] = useState(false);
  const sorted = sortedBy(sort, column.id);
  const can = column.sortable && onSort;
  return (
    <div
      role="columnheader"
      className={css.headCell}
      aria-sort={sorted}
      data-right={column.align}
      data-over={isOver || undefined}
      draggable={!!onOrder}
      onDragStart={(event) => event.dataTransfer.setData('text/whet-column', column.id)}
      onDragOver={(event) => {
        if (!onOrder || !event.dataTransfer.types.includes('text/whet-column')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const ids = columns.map((one) => one.id);
        onOrder?.(moved(ids, event.dataTransfer.getData('text/whet-column'), column.id));
      }}
    >
      {can ? (
        <button type="button" onClick={() => onSort(nextSort(sort, column.id))} title={column.head}>
          <span>{column.head}</span>
          {sorted && <Icon name={sorted} size={12} />}
        </button>
      ) : (
        <span title={column.head}>{column.head}</span>
      )}
      <Edge
        head={column.head}
        width={widths[column.id] ?? column.width}
        onWidth={(width) => onWidth(column.id, width)}
      />
    </div>
  );
}

/** The edge of a head: dragged, or moved by arrows once it has the focus. */
function Edge({ head, width, onWidth }: { head: string; width: number; onWidth: (width: number) => void }) {
  const said = useStrings(words);
  const press = (event: PointerEvent<HTMLElement>) => {
    event.preventDefault();
    const begin = event.clientX;
    const move = (next: globalThis.PointerEvent) => onWidth(width + next.clientX - begin);
    addEventListener('pointermove', move);
    addEventListener('pointerup', () => removeEventListener('pointermove', move), { once: true });
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -12, ArrowRight: 12 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    onWidth(width + by);
  };
  return (
    <span
      role="separator"
      aria-orientation="vertical"
      aria-valuenow={width}
      aria-label={said.wider(head)}
      tabIndex={0}
      className={css.edge}
      onPointerDown={press}
      onKeyDown={key}
      onClick={(event) => event.stopPropagation()}
    />
  );
}
