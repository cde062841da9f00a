import { expect, test } from 'vitest';
import type { RegistryChange } from '~/shared/api/registry';
import { said } from '~/shared/i18n/i18n';
import { changes } from './strings';
import { told } from './told';

const change = (
  op: string,
  version: number | null,
  details: Record<string, unknown> = {},
): RegistryChange => ({
  op,
  version,
  details,
  time: 1,
  by: 'ada',
  text: 'as the server says',
});
const english = (one: RegistryChange) => told(one, said(changes, 'en'));

test('an alias that moved says from where, and on which condition', () => {
  const gate = { require: 'loss < 2' };
  expect(english(change('alias', 2, { alias: 'prod', before: 1, gate }))).toBe(
    '@prod means version 2 instead of 1 · required: loss < 2',
  );
  const past = { require: '', policy: '', past_policy: 'loss < 1' };
  expect(english(change('alias', 2, { alias: 'prod', before: 1, gate: past }))).toBe(
    '@prod means version 2 instead of 1 · past the policy: loss < 1',
  );
  expect(english(change('policy', null, { alias: 'prod', require: null }))).toBe(
    'policy of @prod taken away',
  );
  expect(english(change('alias', 1, { alias: 'prod', before: null }))).toBe('@prod means version 1');
  expect(english(change('alias', null, { alias: 'prod', before: 2 }))).toBe(
    '@prod taken away from version 2',
  );
});
test('tags of the model and of versions', () => {
  expect(english(change('tag', null, { key: 'team', value: 'birds' }))).toBe('tag team of the model = birds');
  expect(english(change('tag', 3, { key: 'team', value: null }))).toBe('tag team of version 3 taken away');
});
test('what is not known stays as the server says it', () => {
  expect(english(change('something-new', 1))).toBe('as the server says');
});
