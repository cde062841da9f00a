/** What is seen in a curve of all ranks: the scale of its colours, where one points, and the rank that differs most. */

export interface Scale {
  low: number;
  /** Values above are as dark: one slow first step would leave all others pale. */
  high: number;
  isCut: boolean;
}

const MOST = 0.98;
// A rank differs where its mean is so many times the median of the others.
const FACTOR = 1.2;

const finite = (rows: readonly (readonly number[])[]) =>
  rows
    .flat()
    .filter(Number.isFinite)
    .sort((a, b) => a - b);

/** From the lowest value to one that nearly all stay below. */
export function scaleOf(rows: readonly (readonly number[])[]): Scale {
  const known = finite(rows);
  const [low, highest] = [known[0] ?? 0, known.at(-1) ?? 0];
  const high = known[Math.floor(MOST * (known.length - 1))] ?? 0;
  const isCut = high > low && highest > high;
  return { low, high: isCut ? high : highest, isCut };
}

/** How dark a value is, 0 to 1; 0 where all are alike. */
export function shareOf(value: number, { low, high }: Scale): number {
  return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
}

/** The place of the rank whose mean is far above the others', with both; null where none is. */
export function apart(
  rows: readonly (readonly number[])[],
): { place: number; mean: number; others: number } | null {
  const means = rows.map((row) => meanOf(row.filter(Number.isFinite)));
  const place = means.reduce((best, mean, index) => (mean > (means[best] ?? -Infinity) ? index : best), 0);
  const mean = means[place] ?? NaN;
  const others = medianOf(means.filter((value, index) => index !== place && Number.isFinite(value)));
  return others > 0 && mean > FACTOR * others ? { place, mean, others } : null;
}

/** The mean of some numbers; NaN of none. */
export function meanOf(values: readonly number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? NaN) : meanOf(sorted.slice(middle - 1, middle + 1));
}
