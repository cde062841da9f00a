/** Samples: the rows of a step by their loss, tokens one by one, and how an answer changed. */
import { expect, test } from 'vitest';
import { opened } from './browser';

test('the rows of a step stand by their loss, with their texts whole where one asks', async () => {
  const page = await opened('/runs/leaping/samples?step=27');
  const rows = page.getByRole('table').getByRole('row');
  await rows.nth(5).waitFor();
  const losses = await rows.locator('td:first-child').allInnerTexts();
  expect(losses.map(Number)).toEqual(losses.map(Number).sort((a, b) => b - a));
  const text = rows.nth(1).getByRole('button');
  await text.click();
  expect(await text.getAttribute('aria-expanded')).toBe('true');
});

test('tokens are read one by one: their loss where they were trained, and that others were not', async () => {
  const page = await opened('/runs/leaping/samples?step=25');
  const row = page.getByRole('group', { name: /token by token/ }).first();
  await row.focus();
  await page.keyboard.press('ArrowRight');
  await page.getByText(/read, not trained$/).waitFor();
  await row.locator('[class*=token]').last().hover();
  await page.getByText(/loss [\d.e−]+, probability [\d.]+ %$/).waitFor();
});

test('j and k go from step to step; where no tokens are kept, those that are are offered', async () => {
  const page = await opened('/runs/leaping/samples?step=26');
  await page.getByText('No tokens of this step').waitFor();
  await page.keyboard.press('k');
  await page.waitForURL(/step=25/);
  await page
    .getByRole('group', { name: /token by token/ })
    .first()
    .waitFor();
});

test('answers to a prompt stand below one another by their steps', async () => {
  const page = await opened('/runs/leaping/samples');
  const answers = page.locator('section', { hasText: 'Answers over steps' });
  await expect
    .poll(() => answers.locator('dt').allInnerTexts())
    .toEqual(['Step 10', 'Step 20', 'Step 30', 'Step 40']);
});

test('a step without rows says why', async () => {
  const page = await opened('/runs/digits-1/samples', { forgiven: /404/ });
  await page.getByText('No rows are recorded of this step').waitFor();
});
