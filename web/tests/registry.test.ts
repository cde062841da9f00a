/** The registry: a model from a run, aliases, promotion with a gate, two versions compared, files verified, removal. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { opened } from './browser';

const dialog = (page: Page) => page.getByRole('dialog');

test('models are filtered by a figure, and a base is shown by its name', async () => {
  const page = await opened('/registry');
  await page.getByRole('link', { name: 'owls' }).waitFor();
  await page.getByRole('button', { name: 'All versions' }).click();
  await expect.poll(() => page.getByRole('link', { name: 'owls' }).count()).toBe(2);
  await page.getByRole('combobox', { name: 'Filter' }).fill('run == "taught"');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.getByRole('link', { name: 'owls' }).count()).toBe(1);
  await page.getByText(`whet registry list 'run == "taught"' --versions`).waitFor();
});

test('the model of a run becomes a version, which stands open', async () => {
  // Numbers of what was removed are not given again: where the folder is kept, a name of its own.
  const name = `fresh-${process.pid}`;
  const page = await opened('/registry');
  await page.getByRole('button', { name: 'New version' }).click();
  await dialog(page).getByLabel('Run').fill('taught');
  await dialog(page).getByLabel('Model').fill(name);
  await dialog(page)
    .getByLabel(/^Alias/)
    .fill('first');
  await dialog(page).getByText(`whet registry add taught --name ${name} --alias first`).waitFor();
  await dialog(page).getByRole('button', { name: 'New version' }).click();
  await page.waitForURL(`**/registry/${name}?version=1`);
  await dialog(page).getByText(`registry:${name}/1`).waitFor();
  await dialog(page).getByRole('list', { name: 'Aliases' }).getByText('@first').waitFor();
  await dialog(page).getByRole('button', { name: 'Verify files' }).click();
  await dialog(page).getByText('Every file is as it was.').waitFor();
  await dialog(page).getByRole('button', { name: 'Remove' }).click();
  await dialog(page).getByText('It is referred to').waitFor();
  await dialog(page).getByRole('button', { name: 'Remove for good' }).click();
  await page.getByText('No version is left').waitFor();
});

test('a run without a model is refused with what is missing', async () => {
  const page = await opened('/registry', { forgiven: /404/ });
  await page.getByRole('button', { name: 'New version' }).click();
  await dialog(page).getByLabel('Run').fill('digits-0');
  await dialog(page).getByLabel('Model').fill('none');
  await dialog(page).getByRole('button', { name: 'New version' }).click();
  await dialog(page)
    .getByText(/has no folder `model`/)
    .waitFor();
});

test('an alias moves only where the gate is held; the refusal says which figure missed; undo takes it back', async () => {
  const page = await opened('/registry/owls?version=1', { forgiven: /40[09]/ });
  await dialog(page).getByRole('button', { name: 'Promote' }).click();
  await dialog(page).getByLabel('Required').fill('loss < 0.0001');
  await dialog(page).getByRole('button', { name: 'Promote' }).click();
  await dialog(page)
    .getByRole('alert')
    .getByText(/loss is \d/)
    .waitFor();
  await dialog(page).getByLabel('Required').fill('loss < 1000');
  await dialog(page).getByLabel('Keep it as the policy').check();
  await dialog(page)
    .getByText("whet registry promote owls/1 --to prod --require 'loss < 1000' --keep")
    .waitFor();
  await dialog(page).getByRole('button', { name: 'Promote' }).click();
  await page.getByText('@prod is owls/1').waitFor();
  await dialog(page).getByRole('button', { name: 'Take @prod away' }).click();
  await page.getByText('@prod taken away', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await dialog(page).getByRole('button', { name: 'Take @prod away' }).waitFor();
  await dialog(page).getByRole('button', { name: 'Set alias' }).click();
  await dialog(page).getByLabel('Alias').fill('v3');
  await dialog(page).getByRole('button', { name: 'Set alias' }).click();
  await dialog(page)
    .getByText(/cannot be an alias/)
    .waitFor();
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await dialog(page).getByRole('button', { name: 'Promote' }).click();
  await dialog(page).getByText('The policy of @prod requires as well: loss < 1000').waitFor();
  await dialog(page).getByRole('button', { name: 'Take the policy away' }).click();
  await page.getByText('policy of @prod taken away').waitFor();
});

test('a policy is set without promoting anything, changed, and taken away', async () => {
  const page = await opened('/registry/owls', { forgiven: /400/ });
  const policies = page.getByRole('region', { name: 'What aliases require' });
  await policies.getByRole('button', { name: 'Set a policy' }).click();
  await dialog(page).getByLabel('Alias').fill('stable');
  await dialog(page).getByLabel('Required').fill('loss <');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await dialog(page).locator('[aria-invalid=true]').waitFor();
  await dialog(page).getByLabel('Required').fill('loss < 9');
  await dialog(page).getByText("whet registry policy owls stable 'loss < 9'").waitFor();
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await policies.getByText('loss < 9').waitFor();
  await policies.getByRole('button', { name: 'Change' }).click();
  await dialog(page).getByLabel('Required').fill('loss < 8');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await policies.getByText('loss < 8').waitFor();
  await policies.getByRole('button', { name: 'Take the policy of @stable away' }).click();
  await policies.getByText('No alias requires anything').waitFor();
});

test('two versions are compared: facts that differ, paired figures, files', async () => {
  const page = await opened('/registry/owls');
  await page.getByRole('checkbox', { name: 'Compare owls/1' }).check();
  await page.getByText('Choose a second version to compare.').waitFor();
  await page.getByRole('checkbox', { name: 'Compare owls/2' }).check();
  const both = page.getByRole('region', { name: 'owls/1 and owls/2' });
  await both.getByRole('row', { name: /^Run taught rewarded/ }).waitFor();
  await both
    .getByText(/95 % .* pairs/)
    .first()
    .waitFor();
  await page.getByText('model.safetensors').first().waitFor();
  await page.getByText('whet registry compare owls/1 owls/2').waitFor();
  expect(new URL(page.url()).searchParams.get('compare')).toBe('1,2');
});

test('a model is described and tagged', async () => {
  const page = await opened('/registry/owls');
  await page.getByRole('button', { name: 'Describe' }).click();
  await dialog(page).getByLabel('Description').fill('says <b>what</b> things cost');
  await dialog(page).getByLabel('Tags').fill('team');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await dialog(page).getByText('`team` is no KEY=VALUE').waitFor();
  await dialog(page).getByLabel('Tags').fill('team=birds, use=shop');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.getByText('use=shop').first().waitFor();
  await page.getByText('says <b>what</b> things cost').first().waitFor();
});
