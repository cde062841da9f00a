/** Evaluations: held-out figures over steps, and what tasks found, with intervals and how it was measured. */
import { expect, test } from 'vitest';
import { opened } from './browser';

test('curves of held-out figures, and a table a task', async () => {
  const page = await opened('/runs/taught/evaluations');
  await page.locator('figure', { hasText: 'eval/loss' }).locator('canvas').first().waitFor();
  const table = page.getByRole('table', { name: 'loss' });
  await table
    .getByText(/^95 % [\d.]+ to [\d.]+$/)
    .first()
    .waitFor();
  await table.getByRole('button', { name: 'How it was measured' }).click();
  await table
    .getByText(/held\.jsonl/)
    .first()
    .waitFor();
  const file = await table.getByRole('link', { name: 'The file' }).getAttribute('href');
  const answer = await page.request.get(new URL(file ?? '', page.url()).href);
  expect(((await answer.json()) as { task: string }).task).toBe('loss');
});

test('where nothing was measured it says what to type', async () => {
  const page = await opened('/runs/digits-0/evaluations');
  await page.getByText('whet evaluate digits-0 --task loss --file FILE').waitFor();
});
