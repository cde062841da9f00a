import { expect, test } from 'vitest';
import { cellsOf } from './tables';

test('cells are texts, of media within them what they say', () => {
  const text = JSON.stringify({
    columns: ['a', 1],
    data: [
      [0.5, { type: 'text', text: 'x' }],
      [null, { n: 1 }],
    ],
  });
  expect(cellsOf(text)).toEqual({
    columns: ['a', '1'],
    rows: [
      ['0.5', 'x'],
      ['–', '{"n":1}'],
    ],
  });
});

test('what is no table is none', () => {
  expect([cellsOf('{'), cellsOf('[]'), cellsOf('null'), cellsOf('{"columns": 1}')]).toEqual([
    null,
    null,
    null,
    null,
  ]);
});
