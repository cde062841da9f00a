import { expect, test } from 'vitest';
import { darkness, tokensOf } from './coloured';

const row = (places: number[], losses: number[]) => ({
  step: 1,
  rank: 'r0',
  source: 's',
  row: 0,
  part: 0,
  ids: [5, 6, 7],
  texts: ['a', 'b', 'c'],
  places,
  targets: places.map((place) => [6, 7, 8][place] ?? -1),
  target_texts: places.map((place) => ['b', 'c', 'd'][place] ?? '?'),
  losses,
});

test('a loss stands with the token that was to be said', () => {
  expect(tokensOf(row([1], [2.5]))).toEqual([
    { id: 5, text: 'a', loss: NaN },
    { id: 6, text: 'b', loss: NaN },
    { id: 7, text: 'c', loss: 2.5 },
  ]);
});

test('the target behind the last token of the row is shown too', () => {
  expect(tokensOf(row([1, 2], [1, 4])).map((token) => [token.text, token.loss])).toEqual([
    ['a', NaN],
    ['b', NaN],
    ['c', 1],
    ['d', 4],
  ]);
});

test('darkness is bounded', () => {
  expect([-1, 0, 3.5, 7, 700].map(darkness)).toEqual([0, 0, 0.5, 1, 1]);
});
