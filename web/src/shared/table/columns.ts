/** Columns of a table, and what of them this browser keeps: widths that were dragged. */
import { type ReactNode, useCallback, useState } from 'react';

export interface Column<Row> {
  id: string;
  head: string;
  /** Pixels, until it is dragged. */
  width: number;
  align?: 'right';
  /** Whether rows can be put in order by it. */
  sortable?: boolean;
  cell: (row: Row) => ReactNode;
  /** The whole text, for what does not fit. */
  title?: (row: Row) => string | undefined;
}

const NARROWEST = 44;

/** Widths by column, kept under the table's name. */
export function useWidths(
  name: string,
): [Readonly<Record<string, number>>, (id: string, width: number) => void] {
  const key = `whet.widths.${name}`;
  const [widths, setWidths] = useState<Readonly<Record<string, number>>>(() => kept(key));
  const set = useCallback(
    (id: string, width: number) =>
      setWidths((before) => {
        const next = { ...before, [id]: Math.max(NARROWEST, Math.round(width)) };
        try {
          localStorage.setItem(key, JSON.stringify(next));
        } catch {
          // A browser that keeps nothing: it holds for this visit.
        }
        return next;
      }),
    [key],
  );
  return [widths, set];
}

function kept(key: string): Record<string, number> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? '{}');
    return typeof found === 'object' && found !== null ? (found as Record<string, number>) : {};
  } catch {
    return {};
  }
}

/** `ids` with one moved to where another stands. */
export function moved(ids: readonly string[], id: string, to: string): string[] {
  const rest = ids.filter((one) => one !== id);
  const place = ids.indexOf(to);
  return id === to || place < 0 ? [...ids] : [...rest.slice(0, place), id, ...rest.slice(place)];
}

/** Order by a column: `loss` ascends, `loss:desc` descends, and a third time it is as it was. */
export function nextSort(sort: string, id: string): string {
  if (sort === id) return `${id}:desc`;
  return sort === `${id}:desc` ? '' : id;
}

/** Whether a sort is by this column, as ARIA says it. */
export function sortedBy(sort: string, id: string): 'ascending' | 'descending' | undefined {
  if (sort === id || sort === `${id}:asc`) return 'ascending';
  return sort === `${id}:desc` ? 'descending' : undefined;
}
