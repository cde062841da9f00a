import { expect, test } from 'vitest';
import { changed, read, written } from './tags';

test('what is written is read as it was', () => {
  const tags = { team: 'birds', url: 'a=b', none: '' };
  expect(read(written(tags))).toEqual(tags);
});
test('a part without a key is named', () => {
  expect(read('team=birds, owls')).toBe('owls');
  expect(read('=x')).toBe('=x');
});
test('only what differs is set, and what is gone is taken away', () => {
  expect(changed({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual({
    b: '9',
    c: null,
    d: '4',
  });
});
