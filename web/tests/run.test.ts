/** The run page: the state in one glance, curves that hide no spike, what comes live, why it ended, how it is stopped. */
import type { Page } from 'playwright-core';
import { expect, inject, test } from 'vitest';
import { opened } from './browser';
import { script, training } from './scripts';

const SPIKE_AT = 61_803;
const SPIKE = 97.5;

interface Curve {
  first_steps: number[];
  last_steps: number[];
  high: number[];
}

/** The chart of a curve, once it is drawn. */
async function chart(page: Page, name: string) {
  const found = page
    .locator('figure')
    .filter({ has: page.getByText(name, { exact: true }).first() })
    .last();
  await found.locator('canvas').waitFor();
  return found;
}

test('no spike is hidden: whole or in any window, its height is among what is drawn', async () => {
  const page = await opened('/runs/spike');
  await chart(page, 'loss');
  const highest = (query: string) =>
    page.evaluate(async (query) => {
      const answer = await fetch(`/api/v1/runs/spike/curves?names=loss&most=1500${query}`);
      const { loss } = (await answer.json()) as { loss: Curve };
      return Math.max(...loss.high);
    }, query);
  expect(await highest('')).toBe(SPIKE);
  for (const half of [10, 100, 1_000, 10_000]) {
    expect(await highest(`&start=${SPIKE_AT - half}&end=${SPIKE_AT + half}`)).toBe(SPIKE);
  }
});

test('while a hand moves the window, a spike that comes into it is drawn to its height', async () => {
  const page = await opened(`/runs/spike?from=${SPIKE_AT + 500}&to=${SPIKE_AT + 8500}`);
  await (await chart(page, 'loss')).locator('.u-over').hover();
  await page.mouse.move(600, 500, { steps: 3 });
  const top = await page.evaluate(async () => {
    const over = document.querySelector<HTMLElement>('.u-over');
    const canvas = document.querySelector<HTMLCanvasElement>('figure canvas');
    if (!over || !canvas) throw new Error('there is no chart');
    const frame = () => new Promise(requestAnimationFrame);
    over.dispatchEvent(new PointerEvent('pointermove', { movementX: 1 }));
    over.dispatchEvent(new WheelEvent('wheel', { deltaX: -over.clientWidth / 4, bubbles: true }));
    await frame();
    await frame();
    const [left, width] = [over.offsetLeft, over.clientWidth];
    const pixels = canvas.getContext('2d')?.getImageData(left + width / 8, 0, width / 2, over.clientHeight);
    // The first row in which something of a colour stands: lines of the axes are grey.
    const isColored = (at: number) => {
      const [red = 0, green = 0, blue = 0, opacity = 0] = pixels?.data.slice(at, at + 4) ?? [];
      return opacity > 60 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
    };
    const places = Array.from({ length: (pixels?.data.length ?? 0) / 4 }, (_, index) => index);
    const first = places.find((index) => isColored(4 * index)) ?? Infinity;
    return Math.floor(first / (pixels?.width ?? 1)) / over.clientHeight;
  });
  expect(top).toBeLessThan(0.15);
});

test('a spike is reached by the wheel, and its very step is read there', async () => {
  const page = await opened(`/runs/spike?from=${SPIKE_AT - 2000}&to=${SPIKE_AT + 2000}`);
  const over = (await chart(page, 'loss')).locator('.u-over');
  await over.hover();
  const box = await over.boundingBox();
  if (!box) throw new Error('the chart has no size');
  const middle = [box.x + box.width / 2, box.y + box.height / 2] as const;
  await page.mouse.move(middle[0] - 5, middle[1]);
  await page.mouse.move(...middle);
  for (let turn = 0; turn < 24; turn++) await page.mouse.wheel(0, -100);
  const window = () =>
    ['from', 'to'].map((name) => Number(new URL(page.url()).searchParams.get(name))) as [number, number];
  await expect.poll(() => window()[1] - window()[0]).toBeLessThan(60);
  let turn = 0;
  // The chart may be drawn anew, or zoomed further, while the hand arrives: it moves until the value is read.
  await expect
    .poll(async () => {
      const [from, to] = window();
      const spike = box.x + (box.width * (SPIKE_AT - from)) / (to - from);
      await page.mouse.move(spike, middle[1] + (turn++ % 2));
      return page.locator('figure td').first().textContent();
    })
    .toMatch(/97\.5 {2}@ 61803$/);
  await page.mouse.dblclick(...middle);
  await expect.poll(() => new URL(page.url()).searchParams.has('from')).toBe(false);
});

test('where a curve is no number, its axis says so', async () => {
  const page = await opened('/runs/spike');
  await (await chart(page, 'loss')).getByRole('button', { name: /loss: NaN @ 80000/ }).waitFor();
});

test('dragging selects a window for all charts, and the address keeps it', async () => {
  const page = await opened('/runs/digits-2');
  const over = (await chart(page, 'loss')).locator('.u-over');
  await over.hover(); // which waits until it stands still
  const box = await over.boundingBox();
  if (!box) throw new Error('the chart has no size');
  await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 50, { steps: 6 });
  await page.mouse.up();
  await expect.poll(() => Number(new URL(page.url()).searchParams.get('from'))).toBeCloseTo(100, -1);
  expect(Number(new URL(page.url()).searchParams.get('to'))).toBeCloseTo(200, -1);
});

test('a run is watched while it logs: points, step and the end come by themselves', async () => {
  const live = await script('watched');
  live.log(0, 3);
  const page = await opened('/runs/watched');
  await page.getByText('Running').waitFor();
  await chart(page, 'loss');
  for (let step = 1; step <= 20; step++) live.log(step, 3 / (step + 1));
  await expect.poll(() => page.locator('figure td').first().textContent()).toBe('0.1429');
  await expect.poll(() => page.getByRole('group', { name: /^loss: a curve of 21/ }).count()).toBe(1);
  live.process.kill('SIGKILL');
  await page.getByText('Killed').waitFor();
  await page.getByText(/why is not known/).waitFor();
});

test('why a script failed stands beside its status', async () => {
  const page = await opened('/runs/failed');
  await page.getByText(/shapes \(3, 4\) and \(5, 6\) do not fit/).waitFor();
});

test('a training is stopped by its button, after a question', async () => {
  training('trained');
  const page = await opened('/runs');
  await page.getByRole('link', { name: 'trained' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('dialog').getByText('whet train trained').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await expect
    .poll(() => page.locator('[aria-live] span').first().textContent())
    .toBe('It stops after this step');
  await page.locator('h1 + span', { hasText: 'Stopped' }).waitFor();
});

test('settings are found by a part of their name', async () => {
  const page = await opened('/runs/digits-2/overview');
  await page.getByRole('searchbox', { name: 'Find' }).fill('optim');
  await page.getByText('optimizer.kind').waitFor();
  expect(await page.getByText('batch', { exact: true }).count()).toBe(0);
});

test('a run that is not there is said, with what to do', async () => {
  const page = await opened('/runs/nobody', { forgiven: /404/ });
  await page.getByText('there is no run `nobody`').waitFor();
  expect(inject('root')).toBeTruthy();
});
