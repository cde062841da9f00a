/** Curves: what is added, what is nearest, what smoothing and merging keep. */
import { expect, test } from 'vitest';
import { appended, curveOf, curveOfPoints, nearest, smoothed, spliced } from './curve';
import { extremesOf, linesOf } from './series';
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

test('a part in full takes the place of its buckets, and of no others', () => {
  const whole = { ...curveOfPoints([0, 10, 20, 30], [1, 2, 3, 4]), last: Float64Array.of(9, 19, 29, 39) };
  const found = spliced(whole, curveOfPoints([10, 15, 29], [5, 6, 7]));
  expect([list(found.first), list(found.mean)]).toEqual([
    [0, 10, 15, 29, 30],
    [1, 5, 6, 7, 4],
  ]);
});

test('what is no number in an answer becomes a gap, and is told', () => {
  const curve = curveOf({
    writer: 'r0',
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
  expect(list(curve.mean)).toEqual([1, NaN]);
  expect(curve.odd).toEqual([{ kind: 'NaN', from: 1, to: 1, count: 1 }]);
});

test('an axis holds the lowest and the highest value of every bucket that reaches into the window', () => {
  const curve = {
    ...curveOfPoints([0, 10, 20, 30], [1, 1, 1, 1]),
    last: Float64Array.of(9, 19, 29, 39),
    high: Float64Array.of(1, 97.5, 1, 8),
    low: Float64Array.of(1, -3, NaN, 1),
  };
  const lines = linesOf([{ id: 'a', label: 'a', curve }], new Set(), 0.9);
  const of = (from: number, to: number) => extremesOf(lines, from, to);
  expect([of(0, 39), of(19, 20), of(12, 15), of(20, 29), of(0, 9)]).toEqual([
    [-3, 97.5],
    [-3, 97.5],
    [-3, 97.5],
    [1, 1],
    [1, 1],
  ]);
  expect(of(50, 60)).toBeNull();
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
