/** Media: by name at a step that one slides to, side by side between runs, and a page that would do harm kept in. */
import { expect, test } from 'vitest';
import { PHONE, opened as openedAny } from './browser';

// What the browser says of what a logged page may not do.
const KEPT_IN = /sandboxed|NotSameOrigin/;
const opened: typeof openedAny = (path, look) => openedAny(path, { forgiven: KEPT_IN, ...look });

test('a step is slid to by mouse and keys; what was logged before it stays', async () => {
  const page = await opened('/runs/drawn/media');
  await page.getByRole('heading', { name: 'examples/picture' }).waitFor();
  const slider = page.getByRole('slider', { name: 'Step' });
  expect(await slider.getAttribute('aria-valuetext')).toBe('30');
  await page.keyboard.press('[');
  await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('20');
  expect(new URL(page.url()).searchParams.get('step')).toBe('20');
  await page.getByText('step 20', { exact: true }).first().waitFor();
  const sound = page.locator('section', { has: page.getByRole('heading', { name: 'sound' }) });
  await sound.getByText('Not logged yet at this step').waitFor();
});

test('every kind is shown: picture, sound, table with pictures, points that turn, text as text', async () => {
  const page = await opened('/runs/drawn/media');
  const named = (name: string) => page.locator('section', { has: page.getByRole('heading', { name }) });
  const loaded = (image: HTMLImageElement) => image.complete && image.naturalWidth > 0;
  await expect
    .poll(() =>
      named('examples/picture')
        .getByRole('img')
        .evaluate(loaded as (one: Element) => boolean),
    )
    .toBe(true);
  await named('scores').getByRole('cell').getByRole('img').first().waitFor();
  expect(await named('scores').getByRole('row').count()).toBe(6);
  await named('said').getByText('<b>not bold</b>').waitFor();
  await expect
    .poll(() =>
      named('sound')
        .locator('audio')
        .evaluate((one: HTMLAudioElement) => one.duration),
    )
    .toBe(1);
  const canvas = named('points').locator('canvas');
  const drawn = () => canvas.evaluate((one: HTMLCanvasElement) => one.toDataURL());
  const before = await drawn();
  await canvas.press('ArrowRight');
  await expect.poll(drawn).not.toBe(before);
});

test('what a logged page would do it cannot: no script, no form, no way out', async () => {
  const page = await opened('/runs/drawn/media');
  const asked: string[] = [];
  // Of frames within the page, and of the page where it is led elsewhere.
  page.on('request', (request) => {
    if (request.frame() !== page.mainFrame() || request.isNavigationRequest())
      asked.push(new URL(request.url()).pathname);
  });
  await page.evaluate(() => addEventListener('message', (event) => (document.title = String(event.data))));
  const frame = page.frameLocator('iframe');
  await frame.getByRole('heading', { name: 'A page that was logged' }).waitFor();
  await frame.getByRole('button', { name: 'send' }).click();
  expect(await page.title()).not.toBe('stolen');
  expect(new URL(page.url()).pathname).toBe('/runs/drawn/media');
  expect(asked.filter((path) => path === '/api/v1/runs' || path === '/stolen')).toEqual([]);
});

test('runs stand side by side at one step', async () => {
  const page = await opened('/runs/drawn/media?find=picture');
  await page.getByRole('combobox', { name: 'Beside another run' }).fill('drawn-b');
  const named = page.locator('section', { has: page.getByRole('heading', { name: 'examples/picture' }) });
  await expect.poll(() => named.getByRole('group').count()).toBe(2);
  const [one, other] = await Promise.all(
    ['drawn', 'drawn-b'].map((run) => named.getByRole('group', { name: run, exact: true }).boundingBox()),
  );
  expect(one?.y).toBe(other?.y);
  expect(new URL(page.url()).searchParams.get('beside')).toBe('drawn-b');
  await page.getByRole('button', { name: 'drawn-b' }).click();
  await expect.poll(() => named.getByRole('group').count()).toBe(0);
});

test('on a phone it stays within the width', async () => {
  const page = await opened('/runs/drawn/media?beside=drawn-b', { ...PHONE, language: 'zh', theme: 'dark' });
  await page.getByRole('heading', { name: 'points' }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
});
