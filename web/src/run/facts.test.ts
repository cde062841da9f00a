/** What the glance works out of what a run says. */
import { expect, test } from 'vitest';
import { curveOfPoints } from '~/shared/chart/curve';
import { best, firstCurves, grouped, secondsLeft } from './facts';
import { flat } from './overview/flat';

test('the time left follows from the pace so far', () => {
  const page = { step: 250, total: 1000, duration_s: 100, spans: [] };
  expect(secondsLeft(page)).toBe(300);
  expect(secondsLeft({ ...page, total: null })).toBeNaN();
  expect(secondsLeft({ ...page, step: 0 })).toBeNaN();
});

test('the best loss is the lowest that is a number, with its step', () => {
  expect(best(curveOfPoints([0, 10, 20, 30], [3, NaN, 0.5, 1]))).toEqual({ value: 0.5, step: 20 });
  expect(best(curveOfPoints([], []))).toBeNull();
});

test('first come loss, stability and speed; what the machine says never', () => {
  expect(firstCurves(['cpu/percent', 'lr', 'eval/loss', 'tokens_per_s', 'grad_norm', 'loss'])).toEqual([
    'loss',
    'grad_norm',
    'tokens_per_s',
  ]);
  expect(firstCurves(['gpu0/power_w', 'score'])).toEqual(['score']);
});

test('every name stands in one group, those of the machine last', () => {
  const names = ['cpu/percent', 'loss', 'eval/a', 'eval/b', 'gpu0/power_w'];
  const groups = grouped(names);
  expect(groups.map(([name]) => name)).toEqual(['', 'eval', 'cpu', 'gpu0']);
  expect(groups.flatMap(([, part]) => part).sort()).toEqual([...names].sort());
});

test('settings lie flat under their whole names', () => {
  expect(
    flat({ lr: 0.1, optimizer: { kind: 'muon', betas: [0.9, 0.99] }, none: null, data: [{ path: 'a' }] }),
  ).toEqual([
    ['lr', 0.1],
    ['optimizer.kind', 'muon'],
    ['optimizer.betas', '0.9, 0.99'],
    ['data.0.path', 'a'],
  ]);
});
