/** Curves of many runs as the server packs them, and what is made of them: values between, differences to one, runs that are alike. */
import { type Curve, lowerBound, places } from '~/shared/chart/curve';
import type { Answered } from '~/shared/api/client';

export type Packed = Answered<'/api/v1/curves'>['runs'][string][string];

/** The curve of a packed one. Where a bucket is one point, its ends are that point and no rounding beyond. */
export function unpacked(packed: Packed): Curve {
  const [first, last] = [doubles(packed.first), doubles(packed.last)];
  const mean = floats(packed.mean);
  const end = (values: Float64Array) =>
    values.map((value, index) => (first[index] === last[index] ? (mean[index] ?? value) : value));
  return {
    first,
    last,
    low: end(floats(packed.low)),
    high: end(floats(packed.high)),
    mean,
    odd: packed.marks.map((one) => ({
      kind: one.kind,
      from: one.first_step,
      to: one.last_step,
      count: one.count,
    })),
    unit: packed.unit,
  };
}

function bytes(text: string): ArrayBuffer {
  const raw = atob(text);
  const array = new Uint8Array(raw.length);
  for (let index = 0; index < raw.length; index++) array[index] = raw.charCodeAt(index);
  return array.buffer;
}

// Arrays come in little-endian order, as nearly every machine has them; a view says so for the others.
function doubles(text: string): Float64Array {
  const view = new DataView(bytes(text));
  return Float64Array.from({ length: view.byteLength / 8 }, (_, index) => view.getFloat64(index * 8, true));
}

function floats(text: string): Float64Array {
  const view = new DataView(bytes(text));
  return Float64Array.from({ length: view.byteLength / 4 }, (_, index) => view.getFloat32(index * 4, true));
}

/** The mean of a curve at a place, between its buckets in proportion; NaN beyond its ends. */
export function at(curve: Curve, middles: Float64Array, x: number): number {
  const [begin, end] = [curve.first[0] ?? NaN, curve.last.at(-1) ?? NaN];
  if (!(x >= begin && x <= end)) return NaN;
  const right = Math.min(lowerBound(middles, x), middles.length - 1);
  const left = Math.max(0, right - 1);
  const [from, to] = [middles[left] ?? 0, middles[right] ?? 0];
  const [a, b] = [curve.mean[left] ?? NaN, curve.mean[right] ?? NaN];
  if (to <= from || x >= to) return b;
  return x <= from ? a : a + ((b - a) * (x - from)) / (to - from);
}

/** How far a curve lies from a baseline, in % of the baseline's size at the same place. */
export function relative(curve: Curve, baseline: Curve): Curve {
  const [own, theirs] = [places(curve), places(baseline)];
  const share = (values: Float64Array) =>
    values.map((value, index) => {
      const base = at(baseline, theirs, own[index] ?? NaN);
      return base === 0 ? NaN : (100 * (value - base)) / Math.abs(base);
    });
  return { ...curve, low: share(curve.low), high: share(curve.high), mean: share(curve.mean), odd: [] };
}

/** The place of each run whose colour it has: its own, or that of the first of its group. */
export function placesIn(
  runs: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const places = new Map(runs.map((run, place) => [run, place]));
  for (const [first, members] of groups) for (const run of members) places.set(run, runs.indexOf(first));
  return places;
}

/** Runs that are alike in all settings that differ but those of `except`: their names, under one of them. */
export function alike(
  names: readonly string[],
  config: Readonly<Record<string, readonly unknown[]>>,
  except: string,
): Map<string, string[]> {
  const keys = Object.keys(config).filter((key) => key !== except && !key.startsWith(`${except}.`));
  const groups = new Map<string, string[]>();
  names.forEach((name, index) => {
    const key = JSON.stringify(keys.map((one) => config[one]?.[index] ?? null));
    groups.set(key, [...(groups.get(key) ?? []), name]);
  });
  return new Map([...groups.values()].map((group) => [group[0] ?? '', group]));
}
