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
  expect(await differs.getByRole('cell').allInnerTexts()).toEqual(['0.1', '0.05']);
  await page.reload();
  await page.getByText('loss, difference in %', { exact: true }).waitFor();
});

test('on a phone nothing scrolls sideways', async () => {
  const page = await opened('/compare?runs=digits-0,digits-1', { ...PHONE, language: 'zh', theme: 'dark' });
  await page.locator('canvas').first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});
