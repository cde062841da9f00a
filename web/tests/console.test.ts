/** The console: found and gone through, jumped into from a step, followed while it is written, however long it is. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { opened } from './browser';
import { printing } from './scripts';

const log = (page: Page) => page.getByRole('log', { name: 'Console' });
const chosen = (page: Page) => page.locator('[aria-current=true]');

test('what is looked for is counted and gone through, forwards and back, by keys and buttons', async () => {
  const page = await opened('/runs/talking/console?line=0');
  await log(page).getByText('line 0 of', { exact: false }).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('Needle');
  await page.getByText('3', { exact: true }).waitFor();
  await page.keyboard.press('Enter');
  await chosen(page).getByText('needle in line 5001').waitFor();
  await page.getByText('1 / 3', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Next match' }).click();
  await chosen(page).getByText('needle in line 12001').waitFor();
  await page.keyboard.press('Shift+N');
  await chosen(page).getByText('needle in line 5001').waitFor();
  await page.getByRole('button', { name: 'Only these' }).click();
  await page.getByText('3 of 20,0', { exact: false }).waitFor();
  expect(await log(page).locator('mark').count()).toBe(3);
});

test('of twenty thousand lines only those that are seen stand in the page', async () => {
  const page = await opened('/runs/talking/console');
  await log(page).getByText('the last line', { exact: false }).waitFor();
  await log(page).evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
  await log(page)
    .getByText(/^line 10\d\d\d of 20000$/)
    .first()
    .waitFor();
  expect(await log(page).locator('[data-index]').count()).toBeLessThan(150);
  await page.getByRole('button', { name: 'To the end' }).click();
  await log(page).getByText('the last line', { exact: false }).waitFor();
});

test('a stream alone is shown, and a line leads to what else happened then', async () => {
  const page = await opened('/runs/talking/console');
  await page.getByLabel('Stream').selectOption('stderr');
  await log(page).getByText('warning at 7000', { exact: false }).click();
  await page.getByRole('region', { name: 'The chosen line' }).getByText('stderr').waitFor();
  await page.getByRole('link', { name: /Curves around it/ }).click();
  await page.waitForURL(/from=\d+&to=\d+/);
});

test('a point of a curve leads to what was printed then, and a rank of the map to its own console', async () => {
  const page = await opened('/runs/leaping/console?step=20');
  await chosen(page).waitFor();
  expect(await chosen(page).innerText()).toMatch(/20/);
  await page.goto(new URL('/runs/ranks/console?rank=1', page.url()).href);
  await page.getByLabel('Rank').waitFor();
  expect(await page.getByLabel('Rank').inputValue()).toBe('1');
});

test('the end is followed while it is written, and stays where one has scrolled', async () => {
  const run = await printing('chatty');
  for (let line = 0; line < 200; line++) run.print(`word ${line}`);
  // A run that has just begun has not all that is asked for.
  const page = await opened('/runs/chatty/console', { forgiven: /404/ });
  await log(page).getByText('word 199', { exact: true }).waitFor();
  run.print('word 200');
  await log(page).getByText('word 200', { exact: true }).waitFor();
  await log(page).evaluate((element) => (element.scrollTop = 900));
  await log(page).getByText('word 52', { exact: true }).waitFor();
  for (let line = 201; line < 231; line++) run.print(`word ${line}`);
  await page.getByRole('button', { name: '30 new lines' }).waitFor();
  expect(await log(page).evaluate((element) => element.scrollTop)).toBe(900);
  await page.getByRole('button', { name: '30 new lines' }).click();
  await log(page).getByText('word 230', { exact: true }).waitFor();
});

test('a run that printed nothing says what would stand there', async () => {
  const page = await opened('/runs/digits-1/console');
  await page.getByText('Nothing was printed').waitFor();
});
