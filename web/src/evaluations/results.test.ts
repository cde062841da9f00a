import { expect, test } from 'vitest';
import type { Kept } from './queries';
import { tasksOf } from './results';

const kept = (task: string, time: number, result: Kept['result']): Kept => ({
  path: `evaluations/${task}-${time}.json`,
  task,
  time,
  result,
});

test('results stand by task, the latest first, with a column for every figure that one of them has', () => {
  const [first, second] = tasksOf([
    kept('words', 1, { figures: { accuracy: { value: 0.5, n: 4 } } }),
    kept('loss', 1, { figures: { loss: { value: 2, low: 1.5, high: 2.5, n: 8 } }, settings: { file: 'a' } }),
    kept('loss', 2, { figures: { perplexity: { value: 'NaN', n: 8 } }, facts: { rows: 8, none: null } }),
  ]);
  expect([first?.name, second?.name]).toEqual(['loss', 'words']);
  expect(first?.figures).toEqual(['perplexity', 'loss']);
  expect(first?.results.map((one) => one.time)).toEqual([2, 1]);
  expect(first?.results[1]?.figures.loss).toEqual({ value: 2, low: 1.5, high: 2.5, n: 8 });
  expect(first?.results.map((one) => one.how)).toEqual([[['rows', '8']], [['file', 'a']]]);
  expect(second?.results[0]?.figures.accuracy?.low).toBeNaN();
});

test('a result that is damaged is shown without figures', () => {
  expect(tasksOf([kept('loss', 1, { figures: 'none' as never })])[0]?.results[0]?.figures).toEqual({});
});
