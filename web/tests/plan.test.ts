/** What fits: the calculator's figures are those of `whet plan`, alone in files too, and a run's beside what it took. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, inject, onTestFinished, test } from 'vitest';
import { PHONE, opened } from './browser';
import { training } from './scripts';
import { python } from './served';

// Ways that differ in all that a screen chooses: of training, of serving, on several cards, of each vendor.
const ASKED = [
  '',
  'mode=full&optimizer=muon&gpu=h100-sxm&gpus=4&length=4096&samples=3',
  'mode=lora&model=qwen3-4b&gpu=m4-max-40c-64gb&recompute=none',
  'mode=lora&model=qwen3-8b&gpu=h100-sxm&gpus=8&tensor=2&pipeline=2&sequence=yes&rank=64&offload=50',
  'mode=full&model=mixtral-8x7b-v0.1&gpu=h200-sxm&gpus=24&expert=4&replicate=2&context=3&zero=2',
  'mode=serve&model=llama-3.1-405b&gpu=h100-sxm&gpus=48&pipeline=3&replicate=2',
  'mode=serve&model=mixtral-8x7b-v0.1&gpu=h100-sxm&gpus=2&users=24&cache=fp8',
];

/** Memory in words, as the terminal has it too. */
const SAID = `
import contextlib, io, json, shlex, sys
from whet.base.units import size
from whet.cli.main import main
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main([*shlex.split(command)[1:], "--json"]) in (0, 4), command
    found = json.loads(told.getvalue())
    parts = {name: size(value) for name, value in found["components"].items()}
    print(json.dumps([size(found["peak_bytes"]), parts, found["fits"]]))
`;

/** The peak, its parts and whether it fits, as they stand on the screen; and the command below it. */
async function shown(page: Page): Promise<{ plan: unknown; command: string }> {
  const parts = page.getByRole('region', { name: 'What it is made of' }).getByRole('row');
  await parts.nth(1).waitFor();
  const rows = await parts.evaluateAll((all) =>
    all.slice(1).map((row) => {
      const [name, memory] = row.querySelectorAll('td');
      return [name?.childNodes[1]?.textContent ?? '', memory?.textContent ?? ''];
    }),
  );
  const peak = await page.locator('strong').first().textContent();
  const fits = (
    await page
      .getByText(/^(Fits|Does not fit): /)
      .first()
      .textContent()
  )?.startsWith('Fits');
  const command = await page
    .getByText(/^whet plan /)
    .first()
    .textContent();
  return { plan: [peak, Object.fromEntries(rows as [string, string][]), fits], command: command ?? '' };
}

test('figures on the screen are those that the command below it prints, in files without a server too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whet-plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const written = python(['-m', 'whet', 'plan', '--export', folder]);
  const found = [];
  for (const asked of ASKED) found.push(await shown(await opened(`/plan?${asked}`)));
  const said = await python(['-c', SAID, JSON.stringify(found.map((one) => one.command))]);
  const expected = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(found.map((one) => one.plan)).toEqual(expected);
  await written;
  const page = await opened('/plan', { isAlone: true });
  await shown(page);
  await page.goto('about:blank');
  await page.context().setOffline(true);
  for (const [index, asked] of ASKED.entries()) {
    await page.goto('about:blank');
    await page.goto(`file://${folder}/index.html#/?${asked}`);
    const alone = await shown(page);
    expect(alone).toEqual({
      plan: found[index]?.plan,
      command: asked.includes('serve') ? found[index]?.command : `${found[index]?.command} --unmeasured`,
    });
  }
  // A config of one's own is read there too, with nobody to ask.
  await paste(page, { model_type: 'llama', hidden_size: 768, ...SIZES });
  await page.getByText(/^config.json: .*M parameters, 12 layers/).waitFor();
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ model_type: 'llama', hidden_size: 768, ...SIZES }),
  );
  const own = await shown(page);
  const command = own.command.replace(' config.json', ` ${join(folder, 'config.json')}`);
  expect(own.plan).toEqual(JSON.parse(await python(['-c', SAID, JSON.stringify([command])])));
});

const SIZES = {
  num_hidden_layers: 12,
  num_attention_heads: 12,
  vocab_size: 32000,
  intermediate_size: 2048,
};

async function paste(page: Page, told: object | string) {
  await page.getByRole('button', { name: 'Paste a config.json or run.yaml' }).click();
  const text = typeof told === 'string' ? told : JSON.stringify(told);
  await page.getByRole('dialog').getByRole('textbox').fill(text);
  await page.getByRole('button', { name: 'Plan with it' }).click();
}

test('models and cards are typed as they are called; what is unknown has nearest names', async () => {
  const page = await opened('/plan?model=llama-3.1-9b&gpu=RTX%204090', { forgiven: /400/ });
  await page.getByRole('heading', { name: 'No known model is called “llama-3.1-9b”' }).waitFor();
  await page.getByRole('alert').getByRole('button', { name: 'llama-3.1-8b' }).click();
  await page.getByText('of 23.5 GiB').waitFor();
  const model = page.getByRole('combobox', { name: 'Model' });
  await model.fill('Qwen/Qwen3-8B');
  await model.press('Enter');
  await page.getByText('Qwen/Qwen3-8B: 8.191B parameters').waitFor();
  const card = page.getByRole('combobox', { name: 'Card', exact: true });
  await card.fill('voodoo 2');
  await page.getByText('Nothing is called “voodoo 2”').waitFor();
  await card.fill('macbook m4 128gb');
  await card.press('ArrowDown');
  await card.press('ArrowUp');
  await card.press('Enter');
  await expect.poll(() => new URL(page.url()).searchParams.get('gpu')).toBe('m4-max-40c-128gb');
  // Packed weights are multiplied nowhere but on NVIDIA's cards: the screen says why, and offers others.
  await page.getByText('weights in nf4 are multiplied on cards of NVIDIA').waitFor();
});

test('sliders move the figures and the address; a way that does not fit says what it lacks', async () => {
  const page = await opened('/plan');
  const peak = page.locator('strong').first();
  await expect.poll(() => peak.textContent()).toBe('8.937 GiB');
  await page.getByRole('slider', { name: 'Samples at once on a card' }).press('End');
  await page.getByText(/^Does not fit: .* times the memory is needed$/).waitFor();
  expect(new URL(page.url()).searchParams.get('samples')).toBe('256');
  await page.getByRole('slider', { name: 'Samples at once on a card' }).press('Home');
  const full = page.getByRole('row', { name: /Full, bf16, AdamW/ });
  await full.getByText(/lacks .* GiB/).waitFor();
  await full.getByRole('button').click();
  await expect.poll(() => new URL(page.url()).searchParams.get('mode')).toBe('full');
  await page.getByText(/^peak: /).waitFor();
  await page.getByRole('spinbutton', { name: 'Price of a card-hour' }).fill('0.4');
  await page.getByText(/costs /).waitFor();
});

test('a config.json is pasted, and what it lacks is said', async () => {
  const page = await opened('/plan', { ...PHONE });
  await paste(page, { hidden_size: 768, architectures: ['LlamaForCausalLM'] });
  await page.getByText('the config lacks').waitFor();
  await page.getByText('"model_type": "llama"').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await paste(page, { model_type: 'llama', hidden_size: 768 });
  await page.getByText('must tell').waitFor();
  await paste(page, { model_type: 'llama', hidden_size: 768, ...SIZES });
  await page.getByText(/^config.json: .*M parameters, 12 layers/).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  // The answer stays in sight while what is asked is.
  const [answer, asked] = await Promise.all(
    [page.getByText(/^(Fits|Does not fit): /), page.getByRole('combobox', { name: 'Model' })].map((one) =>
      one.boundingBox(),
    ),
  );
  expect(asked?.y).toBeGreaterThan(0);
  expect((answer?.y ?? 9999) + (answer?.height ?? 0)).toBeLessThan(page.viewportSize()?.height ?? 0);
  // It stands in the address, and whoever is sent that sees the same.
  await page.reload();
  await page.getByText(/^config.json: .*M parameters, 12 layers/).waitFor();
  await paste(page, 'model: Qwen/Qwen3-8B\ntuner: {kind: lora, rank: 64}\nparallel: {tensor: 2, shard: 4}');
  await page.getByText('Qwen/Qwen3-8B: 8.191B parameters').waitFor();
  await page
    .getByText(/^whet plan qwen3-8b tuner=lora .*tuner.rank=64 .*--gpus 8 --mesh shard=4 tensor=2/)
    .waitFor();
});

test('cards and axes are typed, a mesh that cannot divide says its arithmetic, and ways have their reasons', async () => {
  const page = await opened('/plan?mode=full&gpu=h100-sxm');
  await page.getByRole('textbox', { name: 'Cards' }).fill('24');
  await page.getByText('Mesh: shard 24').click();
  const tensor = page.getByRole('textbox', { name: 'Tensor' });
  await tensor.fill('3');
  await page.getByText('heads 32 / tensor 3 = 10.67, which is no whole number').waitFor();
  await tensor.fill('x');
  await page.getByText('a whole number from 1 to 1,048,576').waitFor();
  await tensor.fill('4');
  await page.getByText('Mesh: shard 6 × tensor 4').waitFor();
  await page.getByRole('button', { name: 'Go through all ways' }).click();
  const ways = page.getByRole('region', { name: 'Which way to train' });
  await ways.getByText('is taken', { exact: true }).waitFor();
  await page.getByText(/is taken, the first that fits/).waitFor();
});

test('the memory of a run stands as planned and as measured, of a live one as measured so far', async () => {
  const page = await opened('/runs/leaping/memory');
  const table = page.getByRole('region', { name: 'Planned and measured' });
  await table.getByRole('row').nth(1).waitFor();
  const told = await python(['-m', 'whet', 'show', 'leaping', '--part', 'plan', '--root', inject('root')]);
  for (const name of ['weights', 'optimizer', 'step', 'peak']) {
    const [, planned = '', measured = ''] = told.match(new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm')) ?? [];
    const row = table.getByRole('row', { name: new RegExp(`^${name}`) });
    await row.getByText(planned.replace('_', ' '), { exact: true }).first().waitFor();
    await row.getByText(measured.replace('_', ' '), { exact: true }).last().waitFor();
  }
  training('planning');
  await expect
    .poll(async () =>
      (await page.request.get(new URL('/api/v1/runs/planning/plan', page.url()).href)).status(),
    )
    .toBe(200);
  await page.goto(new URL('/runs/planning/memory', page.url()).href);
  await page.getByText('the most that steps have taken so far').waitFor();
  await table
    .getByRole('row', { name: /^weights/ })
    .getByText('0 %')
    .waitFor();
});
