import { expect, test } from 'vitest';
import { type Cell, type Task, commandOf, placeOf, scaleOf, verdictOf } from './measured';

const cell = (value: Cell['value'], low: Cell['low'] = null, high: Cell['high'] = null): Cell => ({
  value,
  low,
  high,
  n: 8,
  is_best: false,
  against: null,
});
const against = (low: number | null, high: number | null) => ({ difference: 0.5, low, high, n: 8 });

test('a scale reaches over all intervals, and over values that have none; what is no number does not count', () => {
  expect(scaleOf([cell(2, 1, 3), null, cell(5), cell('NaN'), cell('Infinity')])).toEqual([1, 5]);
});

test('ends stand at the ends of the scale, and what is alike in its middle', () => {
  expect([1, 2, 5].map((value) => placeOf(value, [1, 5]))).toEqual([0, 25, 100]);
  expect(placeOf(3, [3, 3])).toBe(50);
});

test.each([
  [against(0.1, 0.9), true, 'worse'],
  [against(0.1, 0.9), false, 'better'],
  [against(-0.9, -0.1), true, 'better'],
  [against(-0.9, -0.1), false, 'worse'],
  [against(-0.1, 0.9), true, 'unclear'],
  [against(0.1, 0.9), null, null],
  [against(null, null), true, null],
] as const)('%j with less better %s is %s', (told, less, verdict) => {
  expect(verdictOf(told, less)).toBe(verdict);
});

test('what to type has the settings that the others were measured with', () => {
  const task = {
    task: 'loss',
    settings: { file: 'held out.jsonl', train_on: 'all' },
  } as Partial<Task> as Task;
  const quoted = (word: string) => (word.includes(' ') ? `'${word}'` : word);
  expect(commandOf(task, 'three', quoted)).toBe(
    "whet evaluate three --task loss 'file=held out.jsonl' train_on=all",
  );
});
