/** Data: rows token by token with roles and weights, lengths, search, pages, sources, and the ledger of refused rows. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { opened } from './browser';

/** The view of the data of a run, with its rows. */
async function shown(path: string): Promise<Page> {
  const page = await opened(path);
  await page.getByRole('article').first().waitFor();
  return page;
}

test('rows stand token by token: what is learned is marked, and each token says its role and weight', async () => {
  const page = await shown('/runs/taught/data');
  const row = page.getByRole('article').first();
  const learned = row.locator('[data-learned]');
  expect(await learned.count()).toBeGreaterThan(0);
  const told = await learned.first().locator('span[title]').first().getAttribute('title');
  expect(told).toMatch(/^assistant · weight 1 · \d+$/);
  const roles = page.locator('main li').filter({ hasText: /^(system|user|assistant|tool)$/ });
  expect((await roles.allTextContents()).sort()).toEqual(['assistant', 'system', 'tool', 'user']);
  await page.getByRole('img', { name: /samples of this page: median/ }).waitFor();
});

test('a text is found in the rows, the other source is chosen, and the address holds both', async () => {
  const page = await shown('/runs/taught/data');
  await page.getByLabel('Source').selectOption({ label: 'facts.jsonl' });
  await expect.poll(() => page.getByRole('article').count()).toBe(30);
  await page.getByRole('searchbox', { name: 'Find in the rows' }).fill('old wise');
  await expect.poll(() => page.getByRole('article').count()).toBeLessThan(30);
  await page.getByRole('article').first().waitFor();
  const found = await page.getByRole('article').first().textContent();
  await page.reload();
  await page.getByRole('article').first().waitFor();
  expect(await page.getByRole('article').first().textContent()).toBe(found);
  await page.getByText("whet show taught --part data --source 1 --find 'old wise'").waitFor();
});

test('rows from one on, and back by a key', async () => {
  const page = await shown('/runs/taught/data?row=10');
  await page.getByRole('heading', { name: /^Row 10/ }).waitFor();
  await page.keyboard.press('[');
  await page.getByRole('heading', { name: /^Row 0/ }).waitFor();
  expect(await page.getByLabel('From row').inputValue()).toBe('0');
});

test('refused rows are counted by reason, and a reason shows its own', async () => {
  const page = await opened('/runs/taught/data');
  const ledger = page.getByRole('region', { name: 'Left out or changed' });
  await expect.poll(() => ledger.getByRole('row').count()).toBe(4);
  await page.getByRole('button', { name: /^skipped: nothing to learn/ }).click();
  await expect.poll(() => ledger.getByRole('row').count()).toBeLessThan(4);
  expect(new URL(page.url()).searchParams.get('refused')).toBe('nothing_to_train');
});

test('a run without data says so, and what has them', async () => {
  const page = await opened('/runs/digits-0/data', { forgiven: /40\d/ });
  await page.getByText('The rows cannot be shown').waitFor();
});
