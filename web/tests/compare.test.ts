/** Runs are compared: chosen in the list, over one another, against one of them, and by what differs. */
import { expect, test } from 'vitest';
import { PHONE, opened } from './browser';

test('runs are chosen, stand over one another, and the address holds all of it', async () => {
  const page = await opened('/compare');
  await page.getByText('Choose runs to compare').waitFor();
  await page.getByRole('checkbox', { name: /digits-0/ }).check();
  await page.getByRole('checkbox', { name: /digits-1/ }).check();
  await page.locator('canvas').first().waitFor();
  expect(new URL(page.url()).searchParams.get('runs')).toBe('digits-0,digits-1');
  await page.getByLabel('Baseline').selectOption('digits-1');
  await page.getByText('loss, difference in %', { exact: true }).waitFor();
  const differs = page.getByRole('row', { name: /^lr/ }).first();
  await differs.waitFor();
  expect(await differs.getByRole('cell').allInnerTexts()).toEqual(['0.1', '0.05']);
  await page.reload();
  await page.getByText('loss, difference in %', { exact: true }).waitFor();
});

test('runs that differ in their seed alone become one curve with a band, which the address keeps', async () => {
  const page = await opened('/compare?runs=seed-1,seed-2,seed-3,seed-4&find=eval/loss');
  const chart = page.locator('figure').filter({ hasText: 'eval/loss' });
  await chart.getByText('seed-2', { exact: true }).waitFor();
  await page.getByLabel('Merge over').selectOption('seed');
  await chart.getByText('seed-1 × 3').waitFor();
  const drawn = await chart.innerText();
  expect(['seed-2', 'seed-3', 'seed-4'].map((name) => drawn.includes(name))).toEqual([false, false, true]);
  await page.getByLabel('Band').selectOption({ label: 'Mean ± standard deviation' });
  expect(new URL(page.url()).searchParams.get('band')).toBe('deviation');
  await page.reload();
  await chart.getByText('seed-1 × 3').waitFor();
});

test('what was measured stands by task: the best, what differs over the same rows, and how to measure the others', async () => {
  const page = await opened('/compare?runs=taught,rewarded,digits-0');
  await page.getByRole('button', { name: 'Evaluations' }).click();
  const table = page.getByRole('region', { name: 'loss held.jsonl' });
  await table.getByRole('row').nth(2).waitFor();
  expect(await table.getByText('best', { exact: true }).count()).toBe(3); // of loss, perplexity and accuracy
  await page.getByLabel('Baseline').selectOption('taught');
  const differs = table.getByRole('row', { name: /^rewarded/ }).getByTitle(/^Over the same 8 units/);
  await differs.first().waitFor();
  expect(await differs.first().innerText()).toMatch(/better|worse|no clear difference/);
  await page.getByText(/^whet evaluate digits-0 --task loss file=.*held\.jsonl/).waitFor();
  await page.getByText('whet runs evaluations taught rewarded digits-0 --baseline taught').waitFor();
  const { searchParams } = new URL(page.url());
  expect([searchParams.get('part'), searchParams.get('baseline')]).toEqual(['evaluations', 'taught']);
  await table.getByRole('link', { name: 'rewarded' }).click();
  await page.waitForURL(/\/runs\/rewarded\/evaluations/);
});

test('where nothing was measured of runs it says what to type', async () => {
  const page = await opened('/compare?runs=failed,killed&part=evaluations');
  await page.getByText('whet evaluate failed --task loss --file FILE').waitFor();
});

test('on a phone nothing scrolls sideways', async () => {
  const page = await opened('/compare?runs=digits-0,digits-1', { ...PHONE, language: 'zh', theme: 'dark' });
  await page.locator('canvas').first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});
