/** A line of a table: a row with its cells, or the head of a group. */
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';
import css from './table.module.css';
import type { Item, TableProps } from './items';

interface Props<Row> {
  item: Item<Row>;
  table: TableProps<Row>;
  top: number;
  index: number;
  isActive: boolean;
  onActive: (index: number) => void;
}

export function Line<Row>({ item, table, top, index, isActive, onActive }: Props<Row>) {
  const said = useStrings(words);
  const style = { transform: `translateY(${top}px)` };
  if (item.kind === 'group') {
    return (
      <div className={css.group} style={style} role="row" aria-rowindex={index + 2}>
        <div role="gridcell" aria-colspan={table.columns.length} className={css.groupName}>
          {table.groupHead?.(item.name, item.rows) ?? item.name}
        </div>
      </div>
    );
  }
  const isSelected = table.selected?.has(item.key) ?? false;
  const toggle = () => {
    const next = new Set(table.selected);
    if (!next.delete(item.key)) next.add(item.key);
    table.onSelected?.(next);
  };
  return (
    <div
      className={css.row}
      style={style}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={table.onSelected ? isSelected : undefined}
      data-active={isActive || undefined}
      onClick={() => onActive(index)}
      onDoubleClick={() => table.onOpen?.(item.row)}
    >
      {table.onSelected && (
        <div role="gridcell" className={css.check}>
          <input type="checkbox" checked={isSelected} onChange={toggle} aria-label={said.select(item.key)} />
        </div>
      )}
      {table.columns.map((column) => (
        <div
          key={column.id}
          role="gridcell"
          className={css.cell}
          data-right={column.align}
          title={column.title?.(item.row)}
        >
          {column.cell(item.row)}
        </div>
      ))}
    </div>
  );
}
