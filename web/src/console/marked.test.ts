import { expect, test } from 'vitest';
import { piecesOf } from './marked';

test('what is found stands in every second piece, whatever its case', () => {
  expect(piecesOf('Loss 1, loss 2', 'LOSS')).toEqual(['', 'Loss', ' 1, ', 'loss', ' 2']);
  expect(piecesOf('nothing', 'x')).toEqual(['nothing']);
  expect(piecesOf('all', '')).toEqual(['all']);
});

test('letters that grow when they are made lower move nothing', () => {
  expect(piecesOf('İİ: needle', 'needle')).toEqual(['İİ: ', 'needle', '']);
});

test('signs are looked for as they are', () => {
  for (const sign of ['a.b', '(1)', '[x]', 'a\\b', 'x-y', '^$', '{2}', 'a/b', '|', '+?*'])
    expect(piecesOf(`<${sign}>axb`, sign)).toEqual(['<', sign, '>axb']);
});

test('the pieces are the text', () => {
  for (const text of ['', 'ÇİSß ss', 'aXaXa', '😀 a 😀']) expect(piecesOf(text, 'a').join('')).toBe(text);
});
