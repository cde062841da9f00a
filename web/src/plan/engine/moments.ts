/** What the training and the serving of a model have in common: a moment with what the process takes, and the peak. */
import type { Assumed, Card, Moment } from '../forms';
import { beyond, type Calibration } from './calibration';

interface At {
  card: Card;
  ranks: number;
  assumed: Assumed;
  measured: Calibration | null;
}

/** A moment, with its components in order; the same as `whet.plan.timeline.with_overhead`. */
export function momentOf(
  phase: string,
  what: string,
  parts: Readonly<Record<string, number>>,
  at: At,
): Moment {
  const known: Record<string, number> = { ...parts, overhead: overheadOf(parts, at) };
  const named = at.assumed.components
    .filter((name) => known[name])
    .map((name) => [name, known[name] ?? 0] as const);
  return { phase, what, parts: Object.fromEntries(named), total: sum(named.map(([, bytes]) => bytes)) };
}

function overheadOf(parts: Readonly<Record<string, number>>, { card, ranks, assumed, measured }: At): number {
  const isCpu = card.kind === 'cpu';
  const held = sum(Object.values(parts));
  const process = measured?.process?.value ?? assumed.context_bytes[isCpu ? 'cpu' : 'card'];
  const collectives = ranks > 1 && !isCpu ? assumed.collectives_bytes : 0;
  const step = held - (parts.weights ?? 0) - (parts.optimizer ?? 0);
  const usual = isCpu ? 0 : Math.floor(assumed.fragmented * held);
  return Math.max(0, process + collectives + (beyond(measured, step) ?? usual));
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
