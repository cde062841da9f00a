/** Curves of runs that differ in their seed alone as one curve: what stands in its middle, and how wide its band is. */
import { type Curve, places } from '~/shared/chart/curve';
import { at } from './packed';

export const BANDS = ['range', 'deviation', 'interval', 'quartiles'] as const;
/**
 * `range`: the mean, from the lowest to the highest. `deviation`: the mean, one standard deviation to each side.
 * `interval`: the mean and its 95 % interval by Student's t. `quartiles`: the median, and the middle half.
 */
export type Band = (typeof BANDS)[number];

type Told = readonly [low: number, middle: number, high: number];

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;

/** The standard deviation of a sample, of two values or more. */
function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (values.length - 1));
}

/** The quantile of sorted values, between two of them in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [from, to] = [sorted[below] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
  return from + (to - from) * (place - below);
}

// The 97.5 % quantile of Student's t with 1 ... 10 degrees of freedom.
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const NORMAL = 1.96;

/** The quantile for any number of degrees; beyond the table by the first terms of its expansion about the normal. */
function student(degrees: number): number {
  const cubed = (NORMAL ** 3 + NORMAL) / 4;
  const fifth = (5 * NORMAL ** 5 + 16 * NORMAL ** 3 + 3 * NORMAL) / 96;
  return STUDENT[degrees - 1] ?? NORMAL + cubed / degrees + fifth / degrees ** 2;
}

const about = (values: readonly number[], half: number): Told => {
  const mean = meanOf(values);
  return [mean - half, mean, mean + half];
};

const TOLD: Readonly<Record<Band, (values: readonly number[]) => Told>> = {
  range: (values) => [Math.min(...values), meanOf(values), Math.max(...values)],
  deviation: (values) => about(values, deviationOf(values)),
  interval: (values) =>
    about(values, (student(values.length - 1) * deviationOf(values)) / Math.sqrt(values.length)),
  quartiles: (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    return [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
  },
};

/** Curves as one, at the places of the longest, told of all that reach there; where one alone does, that one. */
export function banded(curves: readonly Curve[], band: Band): Curve {
  const longest = curves.reduce((a, b) => (b.mean.length > a.mean.length ? b : a));
  if (curves.length === 1) return longest;
  const middles = curves.map(places);
  const x = places(longest);
  const [low, high, mean] = [x.slice().fill(NaN), x.slice().fill(NaN), x.slice().fill(NaN)];
  x.forEach((place, index) => {
    const values = curves
      .map((curve, number) => at(curve, middles[number] ?? x, place))
      .filter(Number.isFinite);
    const [alone = NaN] = values;
    const told = values.length > 1 ? TOLD[band](values) : ([alone, alone, alone] as const);
    [low[index], mean[index], high[index]] = told;
  });
  // A band is told from single points by buckets that are wider than nothing.
  const half = x.length > 1 ? ((x.at(-1) ?? 0) - (x[0] ?? 0)) / (x.length - 1) / 2 : 0;
  return {
    ...longest,
    first: x.map((one) => one - half),
    last: x.map((one) => one + half),
    low,
    high,
    mean,
    odd: curves.flatMap((one) => one.odd),
  };
}
