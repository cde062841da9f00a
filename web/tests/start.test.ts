/** The page starts from the address that `whet ui` prints, and lists what there is. */
import { expect, inject, test } from 'vitest';
import { opened } from './browser';

test('the printed address leads to the runs, and the token leaves the address', async () => {
  const page = await opened('/');
  await page.getByText('digits-2', { exact: true }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/runs');
  expect(page.url()).not.toContain('token');
});

test('a stranger without the token sees nothing', async () => {
  const answer = await fetch(new URL('/api/v1/runs', inject('address')));
  expect(answer.status).toBe(401);
});
