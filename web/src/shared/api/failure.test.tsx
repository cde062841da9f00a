import { afterEach, expect, test } from 'vitest';
import { setLanguage } from '~/shared/i18n/i18n';
import { ApiError } from './client';
import { hintOf, linesOf, messageOf } from './failure';

const refused = (message: string, hint = '', at = '') => new ApiError('BAD_REQUEST', message, hint, at, 400);

afterEach(() => setLanguage('en'));

test('in English a failure is told in the words of the library, in three lines', () => {
  const error = refused('no run has `los`', 'did you mean `loss`?', 'los < 2');
  expect(linesOf(error)).toBe('error: no run has `los`\n  at los < 2\nhint: did you mean `loss`?');
});

test('in Chinese what is known by its form is told in Chinese, with the names that stand in it', () => {
  setLanguage('zh');
  expect(messageOf(refused('too many tries: wait 30 s'))).toBe('尝试次数过多，请等待 30 秒');
  expect(messageOf(refused('this needs the role editor in `birds`'))).toBe(
    '需要在 `birds` 中具有 editor 角色',
  );
  expect(hintOf(refused('', 'did you mean `loss`?'))).toBe('您是否想找 `loss`？');
});

test('what is not known stays as it is, and a name that looks like a pattern is put in as it is', () => {
  setLanguage('zh');
  expect(messageOf(refused('the moon is full'))).toBe('the moon is full');
  expect(messageOf(refused('no run `a$1b`'))).toBe('没有名为 `a$1b` 的实验');
  expect(messageOf(new Error('thrown'))).toBe('thrown');
});
