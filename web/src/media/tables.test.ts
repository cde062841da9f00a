import { expect, test } from 'vitest';
import { cellsOf } from './tables';

test('cells are texts or media, of words within them what they say', () => {
  const text = JSON.stringify({
    columns: ['a', 1],
    data: [
      [0.5, { type: 'text', text: 'x' }],
      [null, { n: 1 }],
      [{ type: 'image', path: 'media/a.png' }, true],
    ],
  });
  expect(cellsOf(text)).toEqual({
    columns: ['a', '1'],
    rows: [
      ['0.5', 'x'],
      ['–', '{"n":1}'],
      [{ type: 'image', path: 'media/a.png' }, 'true'],
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
