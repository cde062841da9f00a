import { expect, test } from 'vitest';
import { apart, scaleOf, shareOf } from './matrix';

test('one value far above the others does not take the colours of all', () => {
  const row = Array.from({ length: 100 }, (_, step) => 1 + (step % 10) / 10);
  const scale = scaleOf([row, [...row.slice(1), 500]]);
  expect(scale.isCut).toBe(true);
  expect(scale.high).toBeLessThan(2);
  expect(shareOf(500, scale)).toBe(1);
  expect(shareOf(1, scale)).toBe(0);
});

test('where all are alike, nothing is dark', () => {
  expect(shareOf(3, scaleOf([[3, 3, NaN], []]))).toBe(0);
  expect(shareOf(NaN, scaleOf([[NaN]]))).toBe(0);
});

test('the rank that is slower than the median of the others is told, and no other', () => {
  expect(apart([[1, 1], [1.1, 0.9], [2, NaN], [1, 1]])).toEqual({ place: 2, mean: 2, others: 1 }); // prettier-ignore
  expect(apart([[1, 1], [1.1, 1]])).toBeNull(); // prettier-ignore
  expect(apart([[1]])).toBeNull();
  expect(apart([[NaN], [NaN]])).toBeNull();
});
