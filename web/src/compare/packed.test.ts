import { expect, test } from 'vitest';
import { curveOfPoints } from '~/shared/chart/curve';
import { alike, at, relative, unpacked, placesIn } from './packed';
import { places } from '~/shared/chart/curve';

const base64 = (array: Float32Array | Float64Array) =>
  btoa(String.fromCharCode(...new Uint8Array(array.buffer)));

test('a packed curve is the curve', () => {
  const curve = unpacked({
    count: 2,
    first: base64(new Float64Array([0, 10])),
    last: base64(new Float64Array([9, 19])),
    low: base64(new Float32Array([1, NaN])),
    high: base64(new Float32Array([3, Infinity])),
    mean: base64(new Float32Array([2, 0.5])),
    marks: [],
    unit: 'step',
  });
  expect([...curve.first, ...curve.last]).toEqual([0, 10, 9, 19]);
  expect([...curve.low, ...curve.high, ...curve.mean]).toEqual([1, NaN, 3, Infinity, 2, 0.5]);
});

test('between points a curve is a line, beyond its ends nothing', () => {
  const curve = curveOfPoints([0, 10, 20], [1, 3, 2]);
  const read = (x: number) => at(curve, places(curve), x);
  expect([0, 5, 10, 15, 20].map(read)).toEqual([1, 2, 3, 2.5, 2]);
  expect([-1, 21].map(read)).toEqual([NaN, NaN]);
});

test('a difference is in % of the baseline where both are, whatever their steps', () => {
  const found = relative(curveOfPoints([0, 5, 30], [2, 1, 1]), curveOfPoints([0, 10], [1, 3]));
  expect([...found.mean]).toEqual([100, -50, NaN]);
});

test('runs that differ in nothing but the seed stand together', () => {
  const config = { seed: [1, 2, 1], lr: [0.1, 0.1, 0.2] };
  expect([...alike(['a', 'b', 'c'], config, 'seed').values()]).toEqual([['a', 'b'], ['c']]);
});

test('runs of one curve have the colour of its first, others their own', () => {
  const groups = new Map([
    ['a', ['a', 'c']],
    ['b', ['b']],
  ]);
  expect([...placesIn(['a', 'b', 'c', 'd'], groups)]).toEqual([
    ['a', 0],
    ['b', 1],
    ['c', 0],
    ['d', 3],
  ]);
});
