/** Colours and dashes of curves: eight that colour-blind eyes tell apart, then the same again dashed. */
import { token } from '~/shared/theme/theme';

export const COLORS = 8;
const DASHES: readonly number[][] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** The token of the n-th curve's colour, for styles. */
export function colorToken(index: number): string {
  return `var(--series-${(index % COLORS) + 1})`;
}

/** The colour of the n-th curve as it stands in the theme, for a canvas. */
export function colorOf(index: number): string {
  return token(`--series-${(index % COLORS) + 1}`);
}

/** The dash of the n-th curve; empty for a line. */
export function dashOf(index: number): number[] {
  return DASHES[Math.floor(index / COLORS) % DASHES.length] ?? [];
}

/** A colour (`#rrggbb`) with some of its opacity. */
export function faded(color: string, share: number): string {
  return `${color}${Math.round(255 * share)
    .toString(16)
    .padStart(2, '0')}`;
}
