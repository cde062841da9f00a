/** Boards: a task with its entries, one entered and withdrawn, read by anyone where they are public, a site of files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { opened } from './browser';
import { ended, python, served } from './served';

test('entries stand by what they reached, with curves, what they took and how to do it again', async () => {
  const page = await opened('/boards');
  await page.getByRole('link', { name: /Digits in 400 steps/ }).click();
  await page.locator('canvas').first().waitFor();
  const rows = page
    .getByRole('region', { name: 'Entries' })
    .getByRole('row')
    .filter({ has: page.getByRole('cell') });
  expect(await rows.count()).toBe(2);
  const scores = (await rows.locator('td:nth-child(3)').allTextContents()).map(Number);
  expect(scores).toEqual([...scores].sort((a, b) => a - b));
  await page.getByText('batch', { exact: true }).first().waitFor();
  await rows.first().getByRole('button', { name: 'How it was done' }).click();
  await page.getByText('as it is').first().waitFor();
});

test('a run is entered and withdrawn; one of another task is refused with what differs', async () => {
  const page = await opened('/boards/digits', { forgiven: /400/ });
  const enter = async (run: string) => {
    await page.getByRole('dialog').getByLabel('Run').fill(run);
    await page.getByRole('dialog').getByRole('button', { name: 'Enter a run' }).click();
  };
  await page.getByRole('button', { name: 'Enter a run' }).click();
  await enter('spike');
  await page
    .getByRole('dialog')
    .getByText(/batch is None, not 32/)
    .waitFor();
  await enter('digits-3');
  const row = page.getByRole('row', { name: /digits-3/ });
  await row.getByRole('button', { name: 'How it was done' }).click();
  await page.getByRole('button', { name: 'Withdraw' }).click();
  await expect.poll(() => row.count()).toBe(0);
});

test('on a public server anyone reads boards, and nothing else', async () => {
  const { process, address } = await served(dirname(inject('root')), '--public');
  onTestFinished(() => ended(process));
  const { origin } = new URL(address);
  const page = await opened('/', { server: origin, forgiven: /401/ });
  await page.getByRole('link', { name: /Digits in 400 steps/ }).click();
  await page.locator('canvas').first().waitFor();
  expect(await page.getByRole('navigation', { name: 'Pages' }).getByRole('listitem').count()).toBe(1);
  expect(await page.getByRole('button', { name: 'Enter a run' }).count()).toBe(0);
  expect((await page.request.get(`${origin}/api/v1/runs`)).status()).toBe(401);
  await page.goto(`${origin}/runs`);
  await page.getByText('A token is needed').waitFor();
});

test('a site of files shows the same without a server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whet-site-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  await python(['-m', 'whet', 'boards', 'export', folder, '--root', inject('root')]);
  const page = await opened('/boards', { isAlone: true });
  await page.getByRole('link', { name: /Digits in 400 steps/ }).waitFor();
  await page.goto('about:blank');
  const asked: string[] = [];
  await page.context().setOffline(true);
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`file://${folder}/index.html`);
  await page.getByRole('link', { name: 'Digits in 400 steps' }).click();
  await page.locator('canvas').first().waitFor();
  await page.getByRole('cell', { name: 'digits-0', exact: true }).first().waitFor();
  expect(asked.filter((url) => !url.startsWith('file://') && !url.startsWith('data:'))).toEqual([]);
});
