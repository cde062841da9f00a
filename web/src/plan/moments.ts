/** What the training and the serving of a model have in common: a moment with what the process takes, and the peak. */
import type { Assumed, Card, Moment } from './forms';

/** A moment, with its components in order; the same as `whet.plan.timeline.with_overhead`. */
export function momentOf(
  phase: string,
  what: string,
  parts: Readonly<Record<string, number>>,
  at: { card: Card; ranks: number; assumed: Assumed },
): Moment {
  const { card, ranks, assumed } = at;
  const isCpu = card.kind === 'cpu';
  const held = sum(Object.values(parts));
  let overhead = assumed.context_bytes[isCpu ? 'cpu' : 'card'];
  if (ranks > 1 && !isCpu) overhead += assumed.collectives_bytes;
  if (!isCpu) overhead += Math.floor(assumed.fragmented * held);
  const known: Record<string, number> = { ...parts, overhead };
  const named = assumed.components
    .filter((name) => known[name])
    .map((name) => [name, known[name] ?? 0] as const);
  return { phase, what, parts: Object.fromEntries(named), total: sum(named.map(([, bytes]) => bytes)) };
}

/** The moment in which most is held; the first of several. */
export function peakOf(moments: readonly Moment[]): Moment {
  return moments.reduce((most, one) => (one.total > most.total ? one : most));
}

/** The highest moment of each phase, in order. */
export function phasesOf(moments: readonly Moment[]): Moment[] {
  const found = new Map<string, Moment>();
  for (const one of moments) {
    const known = found.get(one.phase);
    if (!known || one.total > known.total) found.set(one.phase, one);
  }
  return [...found.values()];
}

/** The largest whole number from `low` to `high` that fits, where smaller ones do too; 0 where `low` does not. */
export function most(low: number, high: number, fits: (count: number) => boolean): number {
  if (!fits(low)) return 0;
  if (fits(high)) return high;
  let [good, bad] = [low, high];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
