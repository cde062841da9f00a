import { expect, test } from 'vitest';
import { binned, colorOf, median, stretches } from './parts';

const token = (text: string, role: string, weight: number) => ({ id: 1, text, role, weight });

test('tokens of one role and weight stand together, in their order', () => {
  const found = stretches([
    token('a', 'user', 0),
    token('b', 'user', 0),
    token('c', 'assistant', 0),
    token('d', 'assistant', 1),
    token('e', 'user', 0),
  ]);
  expect(found.map((one) => [one.role, one.weight, one.tokens.map((each) => each.text).join('')])).toEqual([
    ['user', 0, 'ab'],
    ['assistant', 0, 'c'],
    ['assistant', 1, 'd'],
    ['user', 0, 'e'],
  ]);
});

test('every length is in one bin, and no bin is wider than another', () => {
  const lengths = Array.from({ length: 999 }, (_, index) => (index * 7919) % 1013);
  const bins = binned(lengths);
  expect(bins.length).toBeLessThanOrEqual(32);
  expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(999);
  for (const bin of bins)
    expect(lengths.filter((one) => one >= bin.from && one < bin.to)).toHaveLength(bin.count);
});

test('one length is one bin, and none is none', () => {
  expect(binned([5, 5])).toEqual([{ from: 5, to: 6, count: 2 }]);
  expect(binned([])).toEqual([]);
});

test('the median', () => {
  expect([median([3, 1, 2]), median([4, 1]), median([])]).toEqual([2, 1, NaN]);
});

test('further roles have colours that are told apart', () => {
  const roles = ['user', 'critic', 'judge'];
  const colors = roles.map((role) => colorOf(role, roles));
  expect(new Set(colors).size).toBe(3);
});
