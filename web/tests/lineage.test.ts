/** Lineage: from data over steps and checkpoints to models and evaluations, and from a row to the steps that read it. */
import { expect, test } from 'vitest';
import { opened } from './browser';

test('the whole run: a box shows what belongs to it, and leads to its step', async () => {
  const page = await opened('/runs/taught/lineage');
  const graph = page.getByRole('group', { name: 'Lineage' });
  for (const name of ['talks.jsonl', 'facts.jsonl', 'model', 'loss'])
    await graph.getByRole('button', { name }).first().waitFor();
  await graph.getByRole('button', { name: /^step 40/ }).click();
  await expect.poll(() => graph.locator('[data-far]').count()).toBeGreaterThan(0);
  await page.getByRole('link', { name: 'What went into the step' }).click();
  await page.getByText('Rows that step 40 learned from').waitFor();
  await graph
    .getByRole('button', { name: /\.jsonl row \d+/ })
    .first()
    .waitFor();
});

test('from a row of the data to the steps it was read in, and on to model and evaluation', async () => {
  const page = await opened('/runs/taught/data?source=1');
  const link = page.getByRole('article').first().getByRole('link', { name: 'Steps that saw it' });
  await link.click();
  await page.getByText(/^Steps that learned from row \d+ of facts.jsonl/).waitFor();
  const graph = page.getByRole('group', { name: 'Lineage' });
  const steps = graph.getByRole('button', { name: /^step \d+/ });
  expect(await steps.count()).toBeGreaterThan(1);
  for (const name of ['facts.jsonl', 'model', 'loss'])
    await graph.getByRole('button', { name, exact: false }).first().waitFor();
  await graph
    .getByRole('button', { name: /row \d+/ })
    .first()
    .click();
  await page.getByRole('link', { name: 'The data' }).click();
  await page
    .getByRole('heading', { name: /^Row \d+/ })
    .first()
    .waitFor();
  expect(await page.getByLabel('Source').locator('option:checked').textContent()).toBe('facts.jsonl');
});

test('a run that made nothing says what would stand here', async () => {
  const page = await opened('/runs/taught/lineage?step=100000');
  await page.getByText('step 100000').first().waitFor();
});
