/** Requests of a served model: a list with a filter, one of them as a waterfall with its messages, and drift. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { opened, PHONE } from './browser';

test('requests are filtered by what is known of them', async () => {
  const page = await opened('/runs/shop/requests');
  await page.getByText('60 requests').waitFor();
  await page.getByRole('combobox', { name: 'Filter' }).fill('status == "error"');
  await page.keyboard.press('Enter');
  await page.getByText('1 request', { exact: true }).waitFor();
  await page.getByRole('row').getByText('failed').waitFor();
});

test('one request is a waterfall with its messages and what was said of it', async () => {
  const page = await opened(`/runs/shop/requests?filter=${encodeURIComponent('said == "bad"')}`);
  await page.getByRole('row').nth(1).getByRole('button').click();
  const parts = page.getByRole('list', { name: 'Where the time went' }).getByRole('listitem');
  await parts.first().waitFor();
  expect(await parts.locator('span:first-child').filter({ hasText: /\w/ }).allInnerTexts()).toEqual(
    expect.arrayContaining(['waited', 'prompt read', 'answered']),
  );
  await page.getByText('comment: rude').waitFor();
  await page.getByText('owl', { exact: true }).waitFor();
  await page.getByText('gen_ai.usage.input_tokens').waitFor();
  await page.getByRole('button', { name: /All requests/ }).click();
  await page.getByText('1 request', { exact: true }).waitFor();
});

test('prompts that grow longer are told as drift', async () => {
  const page = await opened('/runs/shop/requests', { ...PHONE, language: 'zh', theme: 'dark' });
  await page.getByText('有漂移').first().waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
});

test('a run that was not served says what records requests', async () => {
  const page = await opened('/runs/digits-0/requests');
  await page.getByText('whet serve MODEL --record PROJECT').waitFor();
});

test('scores are curves with what judged, and requests are saved as rows', async () => {
  const page = await opened('/runs/shop/requests');
  await page.getByRole('columnheader', { name: 'length' }).waitFor();
  await page.getByText('59 scored by length').click();
  await page.getByText('"kind":"length"').waitFor();
  await page.getByRole('button', { name: 'Export' }).click();
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: /Conversations .jsonl/ }).click(),
  ]);
  expect(saved.suggestedFilename()).toBe('shop-chat.jsonl');
  const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(59);
  expect((JSON.parse(lines[0] ?? '') as { messages: unknown[] }).messages).toHaveLength(2);
});
