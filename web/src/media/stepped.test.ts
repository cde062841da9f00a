import { expect, test } from 'vitest';
import type { Medium } from './queries';
import { isWide, seriesOf, shownAt, stepsOf } from './stepped';

const medium = (name: string, step: number, type = 'image', writer = 'r0'): Medium => ({
  name,
  step,
  writer,
  time: step,
  entries: [{ type, path: `${name}-${step}` }],
});

const media = [medium('b', 10), medium('a', 20), medium('b', 0), medium('a', 20, 'text')];

test('media stand by name and step, and what was logged again at a step takes the place of the first', () => {
  const series = seriesOf(media);
  expect(series.map((one) => [one.name, one.at.map((at) => at.step)])).toEqual([
    ['a', [20]],
    ['b', [0, 10]],
  ]);
  expect(series[0]?.at[0]?.entries[0]?.type).toBe('text');
  expect(stepsOf(series)).toEqual([0, 10, 20]);
});

test('two ranks at one step are both shown', () => {
  const [one] = seriesOf([medium('a', 1), medium('a', 1, 'image', 'r1')]);
  expect(one && shownAt(one, 5).map((at) => at.writer)).toEqual(['r0', 'r1']);
});

test('at a step stands the last that there was, and nothing before the first', () => {
  const [, b] = seriesOf(media);
  const shown = (step: number) => b && shownAt(b, step).map((at) => at.step);
  expect([shown(-1), shown(0), shown(9), shown(99)]).toEqual([[], [0], [0], [10]]);
});

test('tables and pages are wide, pictures are not', () => {
  expect([isWide([medium('a', 0)]), isWide([medium('a', 0, 'table')])]).toEqual([false, true]);
});
