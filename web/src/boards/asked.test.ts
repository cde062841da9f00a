import { expect, test } from 'vitest';
import { idOf, namesOf, settingsOf } from './asked';

test('an id is of letters, digits and dashes', () => {
  expect([idOf(' Digits: 400 Steps! '), idOf('Éa'), idOf('a'.repeat(90))]).toEqual([
    'digits-400-steps',
    'e-a',
    'a'.repeat(60),
  ]);
  expect(idOf('数字')).toMatch(/^board-[a-z0-9]+$/);
});

test('names stand once each', () => {
  expect(namesOf(' a, b,,a ')).toEqual(['a', 'b']);
});

test('settings at the top and one below, those that are set', () => {
  const config = {
    lr: 0.1,
    seed: 0,
    none: null,
    data: ['a'],
    optimizer: { kind: 'muon', beta: null },
    track: {},
  };
  expect(settingsOf(config)).toEqual(['lr', 'seed', 'data', 'optimizer', 'optimizer.kind']);
});
