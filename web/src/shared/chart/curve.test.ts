/** Curves: what is added, what is nearest, what smoothing and merging keep. */
import { expect, test } from 'vitest';
import { appended, curveOf, curveOfPoints, nearest, smoothed } from './curve';
import { dataOf, shapeOf } from './aligned';
import { smallest } from './scales';
import { gathered } from './marks';
import { within, zoomed } from './gestures';

const list = (array: ArrayLike<number>) => Array.from(array);

test('a run that goes on from an earlier step replaces what it goes over again', () => {
  const before = curveOfPoints([0, 1, 2, 3], [9, 8, NaN, 6]);
  const after = appended(before, [2, 3, 4], [7, 6.5, 6.2]);
  expect(list(after.first)).toEqual([0, 1, 2, 3, 4]);
  expect(list(after.mean)).toEqual([9, 8, 7, 6.5, 6.2]);
  expect(after.odd).toEqual([]);
});

test('what is no number in an answer becomes a gap, and is told', () => {
  const curve = curveOf({
    first_steps: [0, 1],
    last_steps: [0, 1],
    first: [0, 1],
    last: [0, 1],
    low: [1, 'NaN'],
    high: [1, 'Infinity'],
    mean: [1, 'NaN'],
    marks: [{ kind: 'NaN', first_step: 1, last_step: 1, count: 1 }],
    unit: 'steps',
  });
  const series = [{ id: 'a', label: 'a', curve }];
  expect(dataOf(series, shapeOf(series, 0), 0)).toEqual([
    [0, 1],
    [1, null],
  ]);
  expect(curve.odd).toEqual([{ kind: 'NaN', from: 1, to: 1, count: 1 }]);
});

test('the highest and the lowest value of every bucket are drawn', () => {
  const points = curveOfPoints([0, 10, 20], [1, 1, 1]);
  const curve = {
    ...points,
    last: Float64Array.of(9, 19, 29),
    high: Float64Array.of(1, 97.5, 1),
    low: Float64Array.of(1, -3, 1),
  };
  const series = [{ id: 'a', label: 'a', curve }];
  const [, low, high] = dataOf(series, shapeOf(series, 0.9), 0.9);
  expect(high).toEqual([1, 97.5, 1]);
  expect(low).toEqual([1, -3, 1]);
});

test('where one curve has no point, the line of the other goes on, and its own gap stays', () => {
  const series = [
    { id: 'a', label: 'a', curve: curveOfPoints([0, 2, 4], [1, NaN, 3]) },
    { id: 'b', label: 'b', curve: curveOfPoints([0, 1, 4], [5, 6, 7]) },
  ];
  const [x, a, b] = dataOf(series, shapeOf(series, 0), 0);
  expect(x).toEqual([0, 1, 2, 4]);
  expect(a).toEqual([1, undefined, null, 3]);
  expect(b).toEqual([5, 6, undefined, 7]);
});

test('smoothing leaves a constant as it is, a gap a gap, and starts without a bias', () => {
  const x = Array.from({ length: 200 }, (_, index) => index);
  expect(
    list(
      smoothed(
        curveOfPoints(
          x,
          x.map(() => 3),
        ),
        0.95,
      ),
    ).every((one) => Math.abs(one - 3) < 1e-12),
  ).toBe(true);
  const gap = smoothed(curveOfPoints([0, 1, 2], [1, NaN, 1]), 0.5);
  expect(list(gap)).toEqual([1, NaN, 1]);
  const noisy = smoothed(
    curveOfPoints(
      x,
      x.map((at) => (at % 2 ? 1 : -1)),
    ),
    0.99,
  );
  expect(Math.max(...list(noisy).slice(50).map(Math.abs))).toBeLessThan(0.2);
});

test('the nearest bucket is the one that holds the place, else the closer', () => {
  const curve = { ...curveOfPoints([0, 10, 30], [1, 2, 3]), last: Float64Array.of(9, 19, 39) };
  expect([-5, 4, 9, 12, 21, 28, 100].map((x) => nearest(curve, x))).toEqual([0, 0, 0, 1, 1, 2, 2]);
});

test('a logarithmic axis knows whether values cross zero', () => {
  const of = (values: number[]) =>
    smallest([
      {
        id: 'a',
        label: 'a',
        curve: curveOfPoints(
          values.map((_, at) => at),
          values,
        ),
      },
    ]);
  expect(of([1, 0.01, 5])).toEqual({ least: 0.01, crosses: false });
  expect(of([1, -0.5, 0])).toEqual({ least: 0.5, crosses: true });
});

test('marks that cannot be told apart are one, and none is lost', () => {
  const marks = [0, 1, 2, 50, 51, 100].map((x) => ({ kind: 'checkpoint', x, text: `${x}` }));
  const placed = gathered(marks, (x) => x * 4, 400);
  expect(placed.map((one) => one.marks.length)).toEqual([3, 2, 1]);
});

test('zooming stays within all there is, and all of it is no window', () => {
  expect(zoomed([0, 100], 50, 0.5, [0, 100])).toEqual([25, 75]);
  expect(zoomed([25, 75], 50, 3, [0, 100])).toBeNull();
  expect(within([-20, 30], [0, 100])).toEqual([0, 50]);
  expect(within([80, 130], [0, 100])).toEqual([50, 100]);
});
