/** Tokens in stretches of one role and weight, and lengths in bins. */
import type { Bin } from '~/shared/chart/Bars';
import type { DataToken } from './queries';

export interface Stretch {
  role: string;
  weight: number;
  tokens: DataToken[];
}

/** Neighbouring tokens of one role and weight together. */
export function stretches(tokens: readonly DataToken[]): Stretch[] {
  const found: Stretch[] = [];
  for (const token of tokens) {
    const last = found.at(-1);
    if (last && last.role === token.role && last.weight === token.weight) last.tokens.push(token);
    else found.push({ role: token.role, weight: token.weight, tokens: [token] });
  }
  return found;
}

// Roles have colours of their own; further ones share the rest in the order in which they come.
const COLORS: Readonly<Record<string, number>> = { system: 5, user: 1, assistant: 3, tool: 8 };
const OTHERS = [2, 4, 6, 7];

/** The number of a role's colour of the series. */
export function colorOf(role: string, roles: readonly string[]): number {
  const own = COLORS[role];
  if (own !== undefined) return own;
  const further = roles.filter((one) => COLORS[one] === undefined);
  return OTHERS[Math.max(0, further.indexOf(role)) % OTHERS.length] ?? 7;
}

const BINS = 32;

/** Lengths in at most 32 bins of one whole width. */
export function binned(lengths: readonly number[]): Bin[] {
  if (!lengths.length) return [];
  const low = lengths.reduce((a, b) => Math.min(a, b));
  const high = lengths.reduce((a, b) => Math.max(a, b));
  const width = Math.max(1, Math.ceil((high - low + 1) / BINS));
  const bins = Array.from({ length: Math.floor((high - low) / width) + 1 }, (_, index) => ({
    from: low + index * width,
    to: low + (index + 1) * width,
    count: 0,
  }));
  for (const length of lengths) {
    const bin = bins[Math.floor((length - low) / width)];
    if (bin) bin.count += 1;
  }
  return bins;
}

/** The middle of lengths: half are at most so long. */
export function median(lengths: readonly number[]): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}
