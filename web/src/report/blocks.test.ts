import { expect, test } from 'vitest';
import { movedBlock, namesOf } from './blocks';

test('names are taken from between commas, each once', () => {
  expect(namesOf(' a, b,,a ,c d')).toEqual(['a', 'b', 'c d']);
});

test('a block is moved within its list', () => {
  expect(movedBlock(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
  expect(movedBlock(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']);
});
