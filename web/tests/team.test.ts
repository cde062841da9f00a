/** A team's server: the first admin comes by the printed address, adds somebody, and each sees what is theirs. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { opened } from './browser';
import { ended, python, served } from './served';

const PASSWORD = 'correct horse battery staple';
const SCRIPT = `
import whet.track as track
for project in ("birds", "fish"):
    with track.init(project=project, name="in-" + project, dir="runs") as run:
        run.log({"loss": 1.0})
`;
let [root, process_, address]: [string, ChildProcess | null, string] = ['', null, ''];
let [admin, ben] = ['', ''];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'whet-team-'));
  await python(['-c', SCRIPT], { cwd: root, env: { WHET_RECORD: 'never' } });
  const found = await served(root, '--team');
  [process_, address] = [found.process, found.address];
});
afterAll(async () => {
  if (process_) await ended(process_);
  rmSync(root, { recursive: true, force: true });
});

const FORGIVEN = /401|403|404|429/;

test('the first start lets whoever started it choose a password', async () => {
  const { pathname, search } = new URL(address);
  const page = await opened(pathname + search, { server: address, forgiven: FORGIVEN });
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText('in-fish', { exact: true }).waitFor();
  await page.goto(new URL('/settings', address).href);
  admin = (await page.getByRole('heading', { name: /Signed in as/ }).innerText()).replace(
    'Signed in as ',
    '',
  );
  await page.getByRole('button', { name: 'Add somebody' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('ben');
  await page.getByLabel('Project').fill('birds');
  await page.getByRole('dialog').getByRole('button', { name: 'Add somebody' }).click();
  ben = await page.getByRole('dialog').locator('code').innerText();
  expect(ben).toContain('/invitation?word=');
});

test('somebody who was added sees their project, and no people', async () => {
  const { pathname, search } = new URL(ben);
  const page = await opened(pathname + search, { server: address, forgiven: FORGIVEN });
  await page.getByText('Welcome, ben').waitFor();
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByText('in-birds', { exact: true }).waitFor();
  expect(await page.getByText('in-fish').count()).toBe(0);
  await page.goto(new URL('/settings', address).href);
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  expect(await page.getByRole('heading', { name: 'People' }).count()).toBe(0);
});

test('who has not signed in sees the door alone, and a wrong password is said', async () => {
  const page = await opened('/runs/in-fish', { server: address, forgiven: FORGIVEN });
  await page.getByRole('textbox', { name: 'Name' }).fill(admin);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('in-fish').first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/runs/in-fish');
});

test('who may edit in a project tags its runs; who may only read is offered nothing to change', async () => {
  const added = await python(['-m', 'whet', 'team', 'add', 'eva', '--role', 'editor', '--project', 'birds'], {
    cwd: root,
  });
  const word = added.trim().split('=').at(-1) ?? '';
  const editor = await opened(`/invitation?word=${word}`, { server: address, forgiven: FORGIVEN });
  await editor.getByLabel('New password').fill(PASSWORD);
  await editor.getByLabel('The same again').fill(PASSWORD);
  await editor.getByRole('button', { name: 'Begin' }).click();
  await editor.getByRole('checkbox', { name: 'Select in-birds' }).check();
  await editor.getByRole('button', { name: 'Tag' }).click();
  await editor.getByRole('dialog').getByRole('combobox').fill('seen');
  await editor.keyboard.press('Enter');
  await editor.getByText('1 changed: seen').waitFor();

  const reader = await opened('/runs', { server: address, forgiven: FORGIVEN });
  await reader.getByRole('textbox', { name: 'Name' }).fill('ben');
  await reader.getByLabel('Password').fill(PASSWORD);
  await reader.getByRole('button', { name: 'Sign in' }).click();
  await reader.getByRole('checkbox', { name: 'Select in-birds' }).check();
  await reader
    .getByRole('toolbar', { name: '1 selected' })
    .getByRole('button', { name: 'Compare' })
    .waitFor();
  expect(await reader.getByRole('button', { name: 'Tag' }).count()).toBe(0);
  await reader.getByRole('link', { name: 'in-birds' }).click();
  await reader.getByRole('heading', { name: 'in-birds' }).waitFor();
  expect(await reader.getByRole('button', { name: 'More' }).count()).toBe(0);
});
