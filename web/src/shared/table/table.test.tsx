/** Tables: order of columns and rows, groups, and what completes a filter. */
import { expect, test } from 'vitest';
import { moved, nextSort, sortedBy } from './columns';
import { offers } from './completion';
import { itemsOf } from './items';

test('a column that is dragged stands where it was dropped', () => {
  expect(moved(['a', 'b', 'c'], 'c', 'a')).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b', 'c'], 'a', 'c')).toEqual(['b', 'c', 'a']);
  expect(moved(['a', 'b'], 'a', 'a')).toEqual(['a', 'b']);
});

test('a head sorts up, then down, then not at all', () => {
  expect(['', 'loss', 'loss:desc', 'step'].map((sort) => nextSort(sort, 'loss'))).toEqual([
    'loss',
    'loss:desc',
    '',
    'loss',
  ]);
  expect(sortedBy('loss:desc', 'loss')).toBe('descending');
});

test('rows of one group stand together, in the order in which groups first come', () => {
  const items = itemsOf(
    ['b1', 'a1', 'b2'],
    (row) => row,
    (row) => row.charAt(0),
  );
  expect(items.map((item) => item.key)).toEqual(['group b', 'b1', 'b2', 'group a', 'a1']);
});

const names = ['loss', 'optimizer.kind', 'my metric', 'status'];
const completed = (text: string) =>
  offers(text, text.length, names, { status: ['done', 'failed'] }).found.map((one) => one.text);

test('a filter is completed by what can stand there', () => {
  expect(completed('')).toEqual(['loss', 'optimizer.kind', '`my metric`', 'status']);
  expect(completed('opt')).toEqual(['optimizer.kind']);
  expect(completed('loss ')).toContain('<');
  expect(completed('status == ')).toEqual(['"done"', '"failed"']);
  expect(completed('status == "do')).toEqual(['"done"']);
  expect(completed('loss < 2 ')).toEqual(['and', 'or']);
  expect(completed('loss < 2 and my')).toEqual(['`my metric`']);
});
