/** The runs table: filter, order, groups, columns, edits that can be taken back, keys, and the address as the view. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { PHONE, opened } from './browser';
import { script } from './scripts';

/** The names that are listed, from above. */
async function names(page: Page): Promise<string[]> {
  return page.locator('[role=row] a').allTextContents();
}

const listed = (page: Page, wanted: string[]) => expect.poll(() => names(page)).toEqual(wanted);

test('a filter is typed, completed, and kept in the address', async () => {
  const page = await opened('/runs');
  await page.getByRole('link', { name: 'digits-2' }).waitFor();
  const filter = page.getByRole('combobox', { name: 'Filter' });
  await filter.fill('optimizer.k');
  await page.getByRole('option', { name: 'optimizer.kind' }).click();
  await filter.pressSequentially('== "muon" and loss < 0.2');
  await filter.press('Enter');
  await listed(page, ['digits-0']);
  expect(new URL(page.url()).searchParams.get('filter')).toBe('optimizer.kind == "muon" and loss < 0.2');
  await page.reload();
  await listed(page, ['digits-0']);
  await page.getByText(`whet runs 'optimizer.kind == "muon" and loss < 0.2'`).waitFor();
});

test('Tab completes what is being typed, and goes past a filter without changing it', async () => {
  const page = await opened('/runs?filter=project%20%3D%3D%20%22broken%22');
  await page.getByRole('link', { name: 'killed' }).waitFor();
  const filter = page.getByRole('combobox', { name: 'Filter' });
  await filter.focus();
  await page.keyboard.press('Tab');
  expect(await filter.inputValue()).toBe('project == "broken"');
  await filter.fill('optimizer.k');
  await filter.press('Tab');
  expect(await filter.inputValue()).toBe('optimizer.kind ');
});

test('what is wrong with a filter is said below it, and the rows stay', async () => {
  const page = await opened('/runs?filter=project%20%3D%3D%20%22broken%22', { forgiven: /400/ });
  await page.getByRole('link', { name: 'killed' }).waitFor();
  await page.getByRole('combobox', { name: 'Filter' }).fill('los < 2');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('did you mean loss?'); // what is to be typed stands as code
  expect(await names(page)).toContain('killed');
});

test('a head puts rows in order, up and then down; columns are chosen', async () => {
  const page = await opened(
    '/runs?filter=project%20%3D%3D%20%22digits%22%20and%20tag%20%3D%3D%20%22sweep%22',
  );
  await page.getByRole('columnheader', { name: 'Loss' }).getByRole('button').click();
  await expect.poll(async () => (await names(page))[0]).toBe('digits-1');
  await page.getByRole('columnheader', { name: 'Loss' }).getByRole('button').click();
  await expect.poll(async () => (await names(page))[0]).toBe('digits-4');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('textbox', { name: 'Find a column' }).fill('seed');
  await page.getByRole('checkbox', { name: 'seed' }).check();
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'seed' }).waitFor();
  expect(new URL(page.url()).searchParams.get('columns')).toContain('seed');
});

test('groups stand together with their best loss', async () => {
  const filter = encodeURIComponent('project == "digits" or project == "broken"');
  const page = await opened(`/runs?group=project&filter=${filter}`);
  await page.getByText(/^7 runs · best loss/).waitFor();
  await page.getByText('3 runs · best loss 0.03333').waitFor();
});

test('by keys alone: down, select, tag, and the undo takes it back', async () => {
  const page = await opened('/runs?filter=tag%20%3D%3D%20%22sweep%22&sort=name');
  await page.getByRole('link', { name: 'digits-0' }).waitFor();
  for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key);
  await page.getByRole('toolbar', { name: '2 selected' }).waitFor();
  await page.getByRole('button', { name: 'Tag' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('combobox').pressSequentially('fresh');
  await page.keyboard.press('Enter');
  await page.getByText('2 changed: fresh').waitFor();
  await expect.poll(() => page.locator('[role=row]', { hasText: 'fresh' }).count()).toBe(2);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => page.locator('[role=row]', { hasText: 'fresh' }).count()).toBe(0);
});

test('what is archived goes from the table, and comes back', async () => {
  const page = await opened('/runs?filter=tag%20%3D%3D%20%22sweep%22&sort=name');
  await page.getByRole('checkbox', { name: 'Select digits-5' }).check();
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  await listed(page, ['digits-0', 'digits-1', 'digits-2', 'digits-3', 'digits-4']);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('link', { name: 'digits-5' }).waitFor();
});

test('a run that starts stands in the table by itself, and its row follows it', async () => {
  const page = await opened('/runs?filter=project%20%3D%3D%20%22live%22%20or%20name%20%3D%3D%20%22killed%22');
  await page.getByRole('link', { name: 'killed' }).waitFor();
  const live = await script('appears');
  live.log(0, 2.5);
  await page.getByRole('link', { name: 'appears' }).waitFor();
  const row = page.getByRole('row').filter({ hasText: 'appears' });
  live.log(1, 1.25);
  await row.getByText('1.25', { exact: true }).waitFor();
  live.end();
  await row.getByText('Done').waitFor();
});

test('a name of markup is text', async () => {
  const page = await opened('/runs?filter=project%20%3D%3D%20%22odd%22');
  await page.getByText('<script>alert(1)</script>').waitFor();
});

test('the palette finds a run by a few letters, and ? lists the keys', async () => {
  const page = await opened('/runs');
  await page.getByRole('link', { name: 'spike' }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Compare the selected runs').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Find runs, pages and actions' }).fill('spi');
  await page.getByRole('option', { name: 'spike' }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'spike' }).waitFor();
});

test('on a phone the table scrolls within the page', async () => {
  const page = await opened('/runs', PHONE);
  await page.getByRole('link', { name: 'digits-2' }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
});
