/** Diagnosis and the ways out of it: from a leap of the loss to its rows, from a killed run to the cause. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { opened } from './browser';
import { training } from './scripts';

const LEAP_ROW = 130;

/** The finding of a rule, once it is there. */
function finding(page: Page, rule: string) {
  return page.getByRole('article').filter({ hasText: rule });
}

test('a leap of the loss is told with figures, rows and a remedy, and leads to the rows of its step', async () => {
  const page = await opened('/runs/leaping/diagnosis');
  const leap = finding(page, 'loss-spike');
  await leap.getByText('Warning', { exact: true }).waitFor();
  await leap.getByText(`row ${LEAP_ROW} of spiked.jsonl`, { exact: true }).waitFor();
  await leap.getByText('share of the excess').waitFor();
  await leap.getByText(/whet show leaping --step \d+/).waitFor();
  await page.getByText('whet diagnose leaping').waitFor();
  await leap.getByRole('link', { name: /Look at it/ }).click();
  const first = page.getByRole('row').nth(1);
  await first.getByRole('cell', { name: String(LEAP_ROW), exact: true }).waitFor();
});

test('from the spike in a chart to the rows that made it', async () => {
  const page = await opened('/runs/leaping');
  const over = page.locator('figure .u-over').first();
  await over.waitFor();
  const step = await page.evaluate(async () => {
    const answer = await fetch('/api/v1/runs/leaping/curves?names=loss&most=1500');
    const { loss } = (await answer.json()) as { loss: { first_steps: number[]; high: number[] } };
    return loss.first_steps[loss.high.indexOf(Math.max(...loss.high.slice(5)))] ?? 0;
  });
  await page.goto(new URL(`/runs/leaping?from=${step - 2}&to=${step + 2}`, page.url()).href);
  await over.hover(); // which waits until it stands still
  const dialog = page.getByRole('dialog');
  // A click that comes before the curve opens nothing, and one beside an open dialog closes it.
  await expect
    .poll(async () => {
      const box = await over.boundingBox();
      if (box) await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
      return dialog.waitFor({ timeout: 5_000 }).then(
        () => 'open',
        () => 'none',
      );
    })
    .toBe('open');
  await page.getByRole('heading', { name: `Step ${step}` }).waitFor();
  await page.getByRole('link', { name: /Samples at this step/ }).click();
  await page
    .getByRole('row')
    .nth(1)
    .getByRole('cell', { name: String(LEAP_ROW), exact: true })
    .waitFor();
});

test('a NaN is traced to the layer where it began, as the gravest', async () => {
  const page = await opened('/runs/spoilt/diagnosis');
  const first = page.getByRole('article').first();
  await first.getByText('Error', { exact: true }).waitFor();
  await first
    .getByText(/model\.layers\.1/)
    .first()
    .waitFor();
});

test('curves that another writer tells are drawn where a finding leads to them', async () => {
  const name = 'gradients/model.layers.0/norm';
  const page = await opened(`/runs/spoilt?names=${name}`);
  const chart = page.locator('figure', { hasText: name });
  await chart.locator('canvas').first().waitFor();
  // At its end stands the NaN that the finding is about, and before it what was measured.
  await chart.getByRole('cell', { name: 'NaN' }).waitFor();
  const drawn = await page.evaluate(async (asked) => {
    const answer = await fetch(`/api/v1/runs/spoilt/curves?names=${encodeURIComponent(asked)}`);
    return ((await answer.json()) as Record<string, { writer: string; mean: number[] }>)[asked];
  }, name);
  expect(drawn?.writer).toBe('layers');
  expect(drawn?.mean[0]).toBeGreaterThan(0);
});

test('rows that are measured and trained are named, and no loss is made up for them', async () => {
  const page = await opened('/runs/leaking/diagnosis');
  const leak = finding(page, 'contamination');
  await leak.getByText('row 0 of held.jsonl', { exact: true }).waitFor();
  expect(await leak.innerText()).not.toMatch(/NaN|loss/);
});

test('where nothing is wrong it says so, in Chinese too', async () => {
  const page = await opened('/runs/ranks/diagnosis', { language: 'zh' });
  await page.getByText('未发现问题').waitFor();
  expect(await page.getByRole('article').count()).toBe(0);
});

test('j and k go from finding to finding, Enter looks at it', async () => {
  const page = await opened('/runs/leaping/diagnosis');
  await page.getByRole('article').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/leaping\/(samples|charts|system)?/);
});

test('a training is killed while it is watched, and its page says by what', async () => {
  const run = training('shot');
  const page = await opened('/runs', { forgiven: /404/ });
  await page.getByRole('link', { name: 'shot' }).click();
  await page.locator('h1 + span', { hasText: 'Running' }).waitFor();
  run.kill();
  await page.locator('h1 + span', { hasText: 'Killed' }).waitFor();
  await page.getByText('signal SIGKILL').waitFor();
});
