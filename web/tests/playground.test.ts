/** The playground: a model is started and talked to, two are compared without their names, and a vote becomes a row. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect, inject, test } from 'vitest';
import { opened, PHONE } from './browser';

// A small answer, the same each time.
const SHORT = `settings=${encodeURIComponent('{"temperature":0,"max_tokens":8}')}`;
const votes = () => join(inject('root'), '.playground');

afterAll(() => rmSync(votes(), { recursive: true, force: true }));

/** The model is there, whoever has started it. */
async function ready(page: Page) {
  const start = page.getByRole('button', { name: 'Start', exact: true });
  await page.getByText('ready').or(start).first().waitFor();
  if (await start.first().isVisible()) await start.first().click();
  await page.getByText('ready').first().waitFor({ timeout: 240_000 });
}

async function say(page: Page, text: string) {
  await page.getByRole('textbox', { name: 'Your message' }).fill(text);
  await page.keyboard.press('Enter');
}

test('a model is chosen by a part of its name, started, and answers', async () => {
  const page = await opened(`/playground?${SHORT}`);
  await page.getByText('Choose a model to talk to').waitFor();
  await page.getByRole('combobox', { name: 'Model' }).fill('taught');
  await ready(page);
  await say(page, 'fox');
  const answer = page.getByRole('article');
  await answer.getByText(/tokens\/s/).waitFor();
  expect(await answer.locator('b').first().innerText()).toBe('taught');
  await page.getByText('whet chat taught --prompt fox --max-new-tokens 8 --temperature 0').waitFor();
});

test('a checkpoint of a run answers beside its model', async () => {
  const page = await opened(`/playground?${SHORT}`);
  const told = await page.evaluate(
    async () =>
      (await (await fetch('/api/v1/playground/models?q=taught@')).json()) as { models: { model: string }[] },
  );
  const checkpoint = told.models[0]?.model ?? '';
  expect(checkpoint).toMatch(/^taught@\d+$/);
  const chosen = page.getByRole('combobox', { name: 'Model' });
  await chosen.fill('taught@latest');
  await page.keyboard.press('Enter');
  await ready(page);
  await expect.poll(() => chosen.first().inputValue()).toBe(checkpoint);
  await page.getByRole('button', { name: 'Compare with another' }).click();
  await page.getByRole('combobox', { name: 'Second model' }).fill('taught');
  await page
    .getByText('ready')
    .nth(1)
    .or(page.getByRole('button', { name: 'Start', exact: true }))
    .first()
    .waitFor();
  const start = page.getByRole('button', { name: 'Start', exact: true });
  if (await start.isVisible()) await start.click();
  await page.getByText('ready').nth(1).waitFor({ timeout: 240_000 });
  await say(page, 'fox');
  const answers = page.getByRole('article');
  await answers
    .getByText(/tokens\/s/)
    .nth(1)
    .waitFor();
  expect(await answers.locator('b').allInnerTexts()).toEqual([checkpoint, 'taught']);
});

test('the newest models are offered before anything is typed', async () => {
  const page = await opened('/playground');
  const offered = page.getByText('The newest:').getByRole('button');
  const model = await offered.first().innerText();
  await offered.first().click();
  expect(await page.getByRole('combobox', { name: 'Model' }).inputValue()).toBe(model);
  expect(new URL(page.url()).searchParams.get('model')).toBe(model);
});

test('tokens show their chances, and what was likelier', async () => {
  const page = await opened(`/playground?model=taught&chances=yes&${SHORT}`);
  await ready(page);
  await say(page, 'fox');
  const tokens = page.getByRole('group', { name: /Tokens of the answer/ });
  await tokens.waitFor();
  await tokens.focus();
  await page.keyboard.press('ArrowRight');
  await page
    .locator('output')
    .getByText(/chance/)
    .waitFor();
  expect(await page.locator('output code').count()).toBe(6);
});

test('the prompt is shown as the model reads it, and the code that asks the same', async () => {
  const page = await opened(`/playground?model=taught&${SHORT}`);
  await ready(page);
  await page.getByRole('textbox', { name: 'System message' }).fill('You sell animals.');
  await say(page, 'dog');
  await page.getByText(/tokens\/s/).waitFor();
  await page.getByRole('button', { name: 'Prompt as the model reads it' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/tokens of the/).waitFor();
  expect(await dialog.locator('p').last().innerText()).toMatch(/You sell animals\.[\s\S]*dog/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Code' }).click();
  await dialog.getByText('client.chat.completions.create').waitFor();
});

test('two answer without their names until a vote, which is a row with who said what', async () => {
  const page = await opened(`/playground?model=taught&pair=yes&second=taught&blind=yes&${SHORT}`);
  await ready(page);
  await page.getByRole('textbox', { name: 'temperature' }).fill('1.5');
  await say(page, 'owl');
  const answers = page.getByRole('article');
  await page.getByRole('button', { name: 'Both bad' }).waitFor();
  expect(await answers.locator('b').allInnerTexts()).toEqual(['Answer A', 'Answer B']);
  await page.getByRole('button', { name: 'Both bad' }).click();
  await expect.poll(() => answers.locator('b').allInnerTexts()).toEqual(['taught', 'taught']);
  const rows = readFileSync(join(votes(), 'labels.jsonl'), 'utf8').trim().split('\n');
  expect(rows.map((row) => JSON.parse(row) as object)).toMatchObject([
    { label: false, source: { model: 'taught', is_blind: true } },
    { label: false, source: { model: 'taught', is_blind: true } },
  ]);
  await page.getByText(/0 preferences and 2 labels/).waitFor();
});

test('what the model refuses is said where its answer would stand', async () => {
  const page = await opened(
    `/playground?model=taught&settings=${encodeURIComponent('{"max_tokens":100000}')}`,
    {
      forgiven: /400/,
    },
  );
  await ready(page);
  await say(page, 'fox');
  await page
    .getByRole('alert')
    .getByText(/maximum context length is/)
    .waitFor();
});

test('a model that has ended meanwhile says so, and can be started again', async () => {
  const page = await opened(`/playground?model=taught&${SHORT}`, { forgiven: /503/ });
  await ready(page);
  const ended = await page.evaluate(async () => {
    const told = (await (await fetch('/api/v1/playground')).json()) as {
      engines: { id: string; model: string; state: string }[];
    };
    const one = told.engines.find(({ model, state }) => model === 'taught' && state === 'ready');
    return (await fetch(`/api/v1/playground/engines/${one?.id ?? ''}`, { method: 'DELETE' })).status;
  });
  expect(ended).toBe(200);
  await say(page, 'fox');
  await page
    .getByRole('article')
    .getByText(/served no more/)
    .waitFor();
  await page.getByRole('button', { name: 'Start', exact: true }).waitFor({ timeout: 5000 });
});

test('on a phone the conversation comes first', async () => {
  const page = await opened(`/playground?model=taught&${SHORT}`, { ...PHONE, language: 'zh', theme: 'dark' });
  await page.getByRole('textbox', { name: '你的消息' }).waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(390);
});
