/** Keys in a table: j and k move, x selects, Enter opens. */
import { useState } from 'react';
import { useKeys } from '~/shared/keys/keys';
import type { Item, TableProps } from './items';

/** The index of the active line, and a function that sets it. */
export function useRowKeys<Row>(
  table: TableProps<Row>,
  items: readonly Item<Row>[],
  show: (index: number) => void,
): [number, (index: number) => void] {
  const [active, setActive] = useState(-1);
  const move = (by: number) => {
    let next = active + by;
    while (items[next]?.kind === 'group') next += by;
    if (!items[next]) return;
    setActive(next);
    show(next);
  };
  const row = items[active];
  useKeys([
    { keys: 'j', does: { en: 'Down', zh: '下一行' }, run: () => move(1) },
    { keys: 'k', does: { en: 'Up', zh: '上一行' }, run: () => move(-1) },
    ...(table.onSelected
      ? [
          {
            keys: 'x',
            does: { en: 'Select the row', zh: '选择此行' },
            run: () => {
              if (row?.kind !== 'row') return;
              const next = new Set(table.selected);
              if (!next.delete(row.key)) next.add(row.key);
              table.onSelected?.(next);
            },
          },
          {
            keys: 'Escape',
            does: { en: 'Select nothing', zh: '取消选择' },
            run: () => table.onSelected?.(new Set()),
          },
        ]
      : []),
    ...(table.onOpen
      ? [
          {
            keys: 'Enter',
            does: { en: 'Open the row', zh: '打开此行' },
            run: (event: KeyboardEvent) => {
              const place = event.target;
              // Enter on a link or a button is theirs.
              if (place instanceof HTMLElement && place.closest('a, button'))
                place.closest<HTMLElement>('a, button')?.click();
              else if (row?.kind === 'row') table.onOpen?.(row.row);
            },
          },
        ]
      : []),
  ]);
  return [active, setActive];
}
