/** The figures of versions: which there are, and which of their names are shown. */
import { isNumeric, real } from '~/shared/api/numbers';
import type { VersionRow } from '~/shared/api/registry';

/** What every row has, and is no figure. */
export const OWN: readonly string[] = [
  'name',
  'version',
  'alias',
  'kind',
  'base',
  'architecture',
  'licence',
  'source',
  'package',
  'run',
  'step',
  'bytes',
  'created',
  'by',
  'stage',
  'description',
];

/** The figures of a row by name, each once: as `accuracy`, or as `task/accuracy` where two tasks have one. */
export function figuresOf(row: VersionRow): [string, number][] {
  const found = Object.entries(row).filter(
    ([name, value]) => !OWN.includes(name) && !name.startsWith('tag.') && isNumeric(value),
  );
  const has = new Set(found.map(([name]) => name));
  const isTold = (name: string) =>
    name.includes('/') && !name.startsWith('eval/') && has.has(name.slice(name.indexOf('/') + 1));
  return found.filter(([name]) => !isTold(name)).map(([name, value]) => [name, real(value)]);
}

/** The names of figures that rows have, those of most rows first; at most so many. */
export function figureNames(rows: readonly VersionRow[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const [name] of rows.flatMap(figuresOf)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .slice(0, most)
    .map(([name]) => name);
}

/** Rows in an order such as `loss` or `loss:desc`; those that lack the value stand last in either. */
export function ordered(rows: readonly VersionRow[], sort: string): readonly VersionRow[] {
  const [id = '', way] = sort.split(/:(?=desc$|asc$)/);
  if (!id) return rows;
  const sign = way === 'desc' ? -1 : 1;
  const isNone = (value: unknown) =>
    value === null || value === undefined || value === '' || Number.isNaN(value) || value === 'NaN';
  return [...rows].sort((one, other) => {
    const [a, b] = [one[id], other[id]];
    if (isNone(a) || isNone(b)) return Number(isNone(a)) - Number(isNone(b));
    if (isNumeric(a) && isNumeric(b)) return sign * (real(a) - real(b));
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  });
}
