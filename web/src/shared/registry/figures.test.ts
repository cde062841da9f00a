import { describe, expect, test } from 'vitest';
import type { VersionRow } from '~/shared/api/registry';
import { figureNames, figuresOf, ordered } from './figures';

const row = (more: Record<string, unknown>) =>
  ({ name: 'owls', version: 1, bytes: 7, created: 1, step: 3, alias: [], ...more }) as unknown as VersionRow;

describe('figures of a version', () => {
  test('each stands once, and what is no figure does not', () => {
    const one = row({ loss: 1.5, 'loss/loss': 1.5, 'eval/loss': 2, 'tag.size': 4, 'words/f1': 0.5 });
    expect(figuresOf(one)).toEqual([
      ['loss', 1.5],
      ['eval/loss', 2],
      ['words/f1', 0.5],
    ]);
  });
  test('those that most rows have come first', () => {
    const rows = [row({ bleu: 1 }), row({ loss: 1 }), row({ loss: 2, bleu: 'NaN' }), row({ loss: 3 })];
    expect(figureNames(rows, 1)).toEqual(['loss']);
  });
});

describe('order', () => {
  const rows = [row({ loss: 2 }), row({}), row({ loss: 10 }), row({ loss: 'NaN' }), row({ loss: 1 })];
  const losses = (sort: string) => ordered(rows, sort).map((one) => one.loss);
  test('by number, with what lacks it last in either way', () => {
    expect(losses('loss')).toEqual([1, 2, 10, undefined, 'NaN']);
    expect(losses('loss:desc')).toEqual([10, 2, 1, undefined, 'NaN']);
  });
  test('a figure whose name has a colon in it', () => {
    const [one, other] = [row({ 'a:b': 2 }), row({ 'a:b': 1 })];
    expect(ordered([one, other], 'a:b')).toEqual([other, one]);
  });
});
