import { expect, test } from 'vitest';
import { curveOfPoints } from '~/shared/chart/curve';
import { BANDS, banded } from './bands';

const near = (values: Iterable<number>) => [...values].map((one) => Number(one.toFixed(3)));
/** Curves of one point each. */
const points = (...values: number[]) => values.map((one) => curveOfPoints([0], [one]));

test('a band has lowest, highest and mean of those that reach there', () => {
  const found = banded([curveOfPoints([0, 1, 2], [1, 1, 1]), curveOfPoints([0, 1], [3, 5])], 'range');
  expect([...found.mean]).toEqual([2, 3, 1]);
  expect([...found.low]).toEqual([1, 1, 1]);
  expect([...found.high]).toEqual([3, 5, 1]);
});

test.each(BANDS)('%s: where one run alone reaches, the band is that run; where none does, a gap', (band) => {
  const found = banded([curveOfPoints([0, 5, 9], [1, 7, NaN]), curveOfPoints([0, 4], [3, 5])], band);
  expect([found.low[1], found.mean[1], found.high[1]]).toEqual([7, 7, 7]);
  expect([found.low[2], found.mean[2], found.high[2]]).toEqual([NaN, NaN, NaN]);
});

// Of 1 ... 5: the deviation is the root of 2.5, and 2.7764 the quantile of Student's table with 4 degrees of freedom.
test.each([
  ['range', [1, 3, 5]],
  ['deviation', [1.419, 3, 4.581]],
  ['interval', [1.037, 3, 4.963]],
  ['quartiles', [2, 3, 4]],
] as const)('%s of five runs', (band, wanted) => {
  const found = banded(points(5, 1, 3, 2, 4), band);
  expect(near([...found.low, ...found.mean, ...found.high])).toEqual(wanted);
});

test('the interval narrows with the runs, as the quantile of Student tends to the normal one', () => {
  // Of 0 and 1 in turn; Student's table has 2.0227 for 39 degrees of freedom.
  const found = banded(points(...Array.from({ length: 40 }, (_, index) => index % 2)), 'interval');
  const half = (2.0227 * Math.sqrt(10 / 39)) / Math.sqrt(40);
  expect(near(found.high)).toEqual(near([0.5 + half]));
});

test('one run that leaps moves the mean and not the median', () => {
  expect(banded(points(1, 2, 1000), 'quartiles').mean[0]).toBe(2);
  expect(banded(points(1, 2, 1000), 'range').mean[0]).toBeGreaterThan(300);
});
