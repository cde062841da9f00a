/** A report is written on the page, read, and taken away as a file that needs nothing else. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { opened } from './browser';

test('a report from nothing to a file that draws itself without a network', async () => {
  const page = await opened('/reports', { isAlone: true });
  await page.getByRole('button', { name: 'New report' }).click();
  await page.getByLabel('Title').first().fill('A <b>spike</b>');
  await page.getByLabel('Text, in Markdown').fill('It stands at **61,803**.\n\n<script>alert(1)</script>');
  await page.getByRole('button', { name: 'Chart', exact: true }).click();
  await page.getByRole('textbox', { name: /^Runs/ }).fill('spi');
  await page.getByRole('button', { name: 'spike', exact: true }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'A <b>spike</b>' }).waitFor();
  await page.getByText('61,803', { exact: true }).waitFor();
  await page.locator('canvas').waitFor();
  const wait = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download as one file' }).click();
  const path = join(inject('root'), 'report.html');
  writeFileSync(path, readFileSync(await (await wait).path()));
  await page.context().setOffline(true);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`file://${path}`);
  await page.getByRole('heading', { name: 'A <b>spike</b>' }).waitFor();
  await page.locator('canvas').waitFor();
  expect(asked.filter((url) => !url.startsWith('file://') && !url.startsWith('data:'))).toEqual([]);
});

test('who saves a report that somebody else has changed is told so, and nothing is lost', async () => {
  const page = await opened('/reports', { forgiven: /409/ });
  await page.getByRole('button', { name: 'New report' }).click();
  await page.getByLabel('Title').first().fill('mine');
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const theirs = await page.request.put(new URL(`/api/v1/reports/${id}`, page.url()).href, {
    data: { title: 'theirs', blocks: [], version: 1 },
    headers: { Origin: new URL(page.url()).origin },
  });
  expect(theirs.status()).toBe(200);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('was changed by').waitFor();
  expect(await page.getByLabel('Title').first().inputValue()).toBe('mine');
});
