import { expect, test } from 'vitest';
import { partsOf } from './ansi';

test('colours begin and end where a terminal says so, and other sequences are left out', () => {
  expect(partsOf('a\u001b[1;31mbad\u001b[0m b\u001b[2K')).toEqual([
    { text: 'a', color: null, isBold: false },
    { text: 'bad', color: 1, isBold: true },
    { text: ' b', color: null, isBold: false },
  ]);
});

test('a line that ends within a sequence loses nothing else', () => {
  expect(partsOf('x\u001b[').map((part) => part.text)).toEqual(['x\u001b[']);
});
