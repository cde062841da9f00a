/** Rollouts: answers side by side with their rewards, what each reward said, calls of tools, and one prompt over steps. */
import { expect, test } from 'vitest';
import { opened } from './browser';

test('answers stand side by side, the best first, with what each reward said', async () => {
  const page = await opened('/runs/rewarded/rollouts');
  const prompt = page.locator('section', { has: page.getByRole('heading', { level: 2 }) }).first();
  await prompt.waitFor();
  const answers = prompt.getByRole('article');
  expect(await answers.count()).toBe(4);
  const rewards = (await answers.locator('header b').allTextContents()).map(Number);
  expect(rewards).toEqual([...rewards].sort((a, b) => b - a));
  expect(await answers.first().locator('dt').allTextContents()).toEqual(
    expect.arrayContaining(['exact', 'brief']),
  );
});

test('turns with tools are opened: what was called, and what came back', async () => {
  const page = await opened('/runs/rewarded/rollouts?step=1'); // later ones have learned to be brief
  await page
    .getByText(/turns with tools/)
    .first()
    .click();
  await page.getByText('price').first().waitFor();
});

test('one prompt is followed over steps, and a key goes to the rollout before', async () => {
  const page = await opened('/runs/rewarded/rollouts');
  await page.getByRole('button', { name: 'This prompt over steps' }).first().click();
  await page.getByText('One prompt over steps').waitFor();
  const steps = page.getByText(/^step \d+$/);
  await expect.poll(() => steps.count()).toBeGreaterThan(1);
  expect(new Set(await steps.allTextContents()).size).toBeGreaterThan(1);
  expect(new Set(await page.getByRole('heading', { level: 2 }).allTextContents()).size).toBe(1);
  await page.getByRole('button', { name: /One prompt over steps/ }).click();
  const chosen = page.getByRole('combobox', { name: 'Step' });
  const last = await chosen.inputValue();
  await page.keyboard.press('[');
  await expect.poll(() => chosen.inputValue()).not.toBe(last);
});

test('a text is found over all steps', async () => {
  const page = await opened('/runs/rewarded/rollouts?find=owl');
  await page.getByText(/prompts hold it/).waitFor();
  const first = page.getByRole('heading', { level: 2 }).first();
  await first.waitFor();
  await page.getByText('whet show rewarded --part rollouts --find owl').waitFor();
});

test('a run that learned from no answers says what keeps them', async () => {
  const page = await opened('/runs/taught/rollouts');
  await page.getByText('No rollouts were kept').waitFor();
});
