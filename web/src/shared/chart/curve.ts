/** Curves as they are drawn: buckets with lowest, highest and mean value, growth at their end, and smoothing. */
import type { Answered } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';

/** The unit of an axis of steps, as the server says it. */
export const STEPS = 'steps';

type Buckets = Answered<'/api/v1/runs/{run}/curves'>[string];

/** Points one behind the other that are no finite numbers. */
export interface Odd {
  kind: string;
  from: number;
  to: number;
  count: number;
}

/** A curve in `n` buckets; `first` and `last` are where each begins and ends on the axis. NaN is a gap. */
export interface Curve {
  first: Float64Array;
  last: Float64Array;
  low: Float64Array;
  high: Float64Array;
  mean: Float64Array;
  odd: readonly Odd[];
  /** The first and the last step of each bucket, where the axis is another one. */
  steps?: readonly [Float64Array, Float64Array];
  /** `steps`, `s`, `tokens`, ... of the axis. */
  unit: string;
  /** Who has told it, where that is known: what they tell further goes behind it. */
  writer?: string;
}

/** Numbers of an array alone; what is none (`"NaN"`, null) becomes NaN. */
export const numbers = (values: readonly unknown[]): Float64Array => Float64Array.from(values, real);

/** The curve of an answer of `/curves`. */
export function curveOf(answered: Buckets): Curve {
  return {
    first: numbers(answered.first),
    last: numbers(answered.last),
    low: numbers(answered.low),
    high: numbers(answered.high),
    mean: numbers(answered.mean),
    odd: answered.marks.map((one) => ({
      kind: one.kind,
      from: one.first_step,
      to: one.last_step,
      count: one.count,
    })),
    steps: [numbers(answered.first_steps), numbers(answered.last_steps)],
    unit: answered.unit,
    writer: answered.writer,
  };
}

/** The steps that a window of the axis holds, widened to whole buckets. */
export function stepsOf(curve: Curve, window: readonly [number, number]): readonly [number, number] {
  const [first, last] = curve.steps ?? [curve.first, curve.last];
  const begin = Math.min(lowerBound(curve.last, window[0]), first.length - 1);
  const end = Math.max(0, Math.min(lowerBound(curve.first, window[1]), last.length - 1));
  return [first[begin] ?? 0, last[end] ?? 0];
}

/** A curve of single points. */
export function curveOfPoints(x: ArrayLike<number>, values: ArrayLike<number>, unit = STEPS): Curve {
  const [place, value] = [Float64Array.from(x), Float64Array.from(values)];
  return { first: place, last: place, low: value, high: value, mean: value, odd: oddOf(place, value), unit };
}

function oddOf(x: Float64Array, values: Float64Array): Odd[] {
  const found: Odd[] = [];
  values.forEach((value, index) => {
    const at = x[index] ?? NaN;
    if (!Number.isFinite(value)) found.push({ kind: String(value), from: at, to: at, count: 1 });
  });
  return found;
}

/**
 * A curve with points added behind it. A run that was continued from an earlier step goes over steps again: what lies
 * from the first new step on is replaced.
 */
export function appended(curve: Curve, x: readonly number[], values: readonly number[]): Curve {
  const begin = x[0];
  if (begin === undefined) return curve;
  const keep = lowerBound(curve.first, begin);
  const more = curveOfPoints(x, values, curve.unit);
  const joined = (name: 'first' | 'last' | 'low' | 'high' | 'mean') => {
    const array = new Float64Array(keep + x.length);
    array.set(curve[name].subarray(0, keep));
    array.set(more[name], keep);
    return array;
  };
  const last = joined('last');
  // A bucket that reaches over the first new point ends before it, so that the axis only goes up.
  if (keep > 0) last[keep - 1] = Math.min(last[keep - 1] ?? begin, begin);
  return {
    ...curve,
    steps: undefined,
    first: joined('first'),
    last,
    low: joined('low'),
    high: joined('high'),
    mean: joined('mean'),
    odd: [...curve.odd.filter((one) => one.from < begin), ...more.odd],
  };
}

/** A curve with a part of it in full: that part, and the buckets before and behind it. */
export function spliced(whole: Curve, part: Curve): Curve {
  const [begin, end] = [part.first[0], part.last.at(-1)];
  if (begin === undefined || end === undefined) return whole;
  const [before, after] = [lowerBound(whole.last, begin), upperBound(whole.first, end)];
  const joined = (name: 'first' | 'last' | 'low' | 'high' | 'mean') =>
    Float64Array.of(...whole[name].subarray(0, before), ...part[name], ...whole[name].subarray(after));
  const outside = whole.odd.filter((one) => one.to < begin || one.from > end);
  return {
    unit: whole.unit,
    first: joined('first'),
    last: joined('last'),
    low: joined('low'),
    high: joined('high'),
    mean: joined('mean'),
    odd: [...outside, ...part.odd],
  };
}

/** The first index whose value is not below `wanted`. */
export function lowerBound(sorted: Float64Array, wanted: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index whose value is above `wanted`. */
function upperBound(sorted: Float64Array, wanted: number): number {
  const at = lowerBound(sorted, wanted);
  return sorted[at] === wanted ? at + 1 : at;
}

/** Where each bucket is drawn: in its middle. */
export function places(curve: Curve): Float64Array {
  return curve.first.map((first, index) => (first + (curve.last[index] ?? first)) / 2);
}

/** The bucket nearest to a place on the axis, or -1 of an empty curve. */
export function nearest(curve: Curve, x: number): number {
  const count = curve.first.length;
  if (!count) return -1;
  const at = Math.min(lowerBound(curve.last, x), count - 1);
  if (at === 0) return 0;
  const gap = Math.max(0, (curve.first[at] ?? 0) - x);
  return x - (curve.last[at - 1] ?? 0) < gap ? at - 1 : at;
}

/** Whether any bucket holds more than a point. */
export function isMerged(curve: Curve): boolean {
  return curve.first.some((first, index) => first !== curve.last[index]);
}

// A weight of smoothing means the same however far apart points are: it holds for this share of the axis.
const SHARE = 1000;

/** Exponential moving means without a bias at their start; `weight` in [0, 1), 0 leaves all as it is. */
export function smoothed(curve: Curve, weight: number): Float64Array {
  if (weight <= 0) return curve.mean;
  const x = places(curve);
  const range = (x.at(-1) ?? 0) - (x[0] ?? 0) || 1;
  let [sum, norm, before] = [0, 0, NaN];
  return curve.mean.map((value, index) => {
    if (!Number.isFinite(value)) return NaN;
    const at = x[index] ?? 0;
    const keep = Number.isNaN(before) ? 0 : weight ** (((at - before) / range) * SHARE);
    before = at;
    sum = sum * keep + value;
    norm = norm * keep + 1;
    return sum / norm;
  });
}
