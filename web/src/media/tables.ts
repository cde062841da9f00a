/** The file of a table as text and media in cells. */
import type { Entry } from './queries';

/** Words, or what is looked at or heard. */
export type Cell = string | Entry;

export interface Cells {
  columns: string[];
  rows: Cell[][];
}

/** A table as it was written, `{columns, data}`; null where it is something else. */
export function cellsOf(text: string): Cells | null {
  let held: unknown;
  try {
    held = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof held !== 'object' || held === null) return null;
  const { columns, data } = held as Record<string, unknown>;
  if (!Array.isArray(columns) || !Array.isArray(data)) return null;
  return {
    columns: columns.map(String),
    rows: data.filter(Array.isArray).map((row: unknown[]) => row.map(cell)),
  };
}

function cell(value: unknown): Cell {
  if (value === null || value === undefined) return '–';
  if (typeof value !== 'object') return String(value);
  const { type, text, caption, path } = value as Record<string, unknown>;
  if (typeof type === 'string' && typeof path === 'string') return value as Entry;
  const said = text ?? caption ?? path;
  return typeof said === 'string' ? said : JSON.stringify(value);
}
