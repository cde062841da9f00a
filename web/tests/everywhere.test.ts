/** What holds of every view: contrast and names for readers (axe, WCAG AA), both languages, three sizes. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { PHONE, opened } from './browser';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VIEWS = [
  ['/runs', 'digits-2'],
  ['/runs?group=project&filter=tag%20%3D%3D%20%22sweep%22', 'digits-2'],
  ['/runs/digits-2', 'gradient_norm'],
  ['/runs/killed', 'loss'],
  ['/runs/digits-2/overview', 'optimizer.kind'],
  ['/runs/leaping/diagnosis', 'Warning'],
  ['/runs/leaping/samples?step=25', 'Single tokens'],
  ['/runs/talking/console?line=19999', 'the last line'],
  ['/runs/ranks/system', 'Ranks'],
  ['/runs/meshed/system', 'Mesh'],
  ['/compare?runs=digits-0,digits-1', 'optimizer.kind'],
  ['/compare?runs=taught,rewarded&part=evaluations&baseline=taught', 'best'],
  ['/plan', 'Which cards hold it'],
  ['/runs/leaping/memory', 'Planned and measured'],
  ['/settings', 'This server is yours alone'],
  ['/kitchen', 'sweep-00001'],
  ['/runs/taught/data', 'Lengths'],
  ['/runs/taught/lineage', 'talks.jsonl'],
  ['/runs/taught/evaluations', 'Measured by a task'],
  ['/runs/rewarded/rollouts', 'exact'],
  ['/runs/drawn/media?beside=drawn-b', 'a tone'],
  ['/registry', 'owls'],
  ['/registry/owls?compare=1,2', 'owls/1 and owls/2'],
  ['/registry/owls?version=1', 'registry:owls/1'],
  ['/boards', 'Digits in 400 steps'],
  ['/boards/digits', 'digits-2'],
] as const;

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

type Rules = { type: 'tag' | 'rule'; values: string[] };
const ALL: Rules = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21aa'] };
// Another theme is other colours, and nothing else.
const COLOURS: Rules = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };

async function violations(page: Page, runOnly: Rules): Promise<string[]> {
  // Colours of a theme pass into those of the other.
  await page.evaluate(() =>
    Promise.allSettled(
      document.getAnimations().flatMap((one) => (one instanceof CSSTransition ? [one.finished] : [])),
    ),
  );
  // What passes is told by one element, not by all.
  const options = JSON.stringify({ runOnly, resultTypes: ['violations'] });
  const found = (await page.evaluate(
    `axe.run(document, ${options}).then((done) => done.violations)`,
  )) as Violation[];
  return found.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`),
  );
}

/** Has the window become a phone's, with its screen and fingers. */
async function shrink(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setDeviceMetricsOverride', {
    ...PHONE.viewport,
    deviceScaleFactor: 1,
    mobile: true,
  });
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true });
  await page.waitForFunction((width) => document.documentElement.clientWidth === width, PHONE.viewport.width);
}

/** How wide the page is, and by how much its content is wider than its place, once both have followed the window. */
const widths = (page: Page) =>
  page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const content = document.getElementById('content');
    return [document.documentElement.scrollWidth, (content?.scrollWidth ?? 0) - (content?.clientWidth ?? 0)];
  });

// What is not there, and what a logged page is not allowed.
const forgiven = /40[013]|Blocked script execution|ERR_BLOCKED_BY_RESPONSE/;

/** Press a button of the line at the top, which stands behind an open dialog as well. */
const press = (page: Page, name: string) =>
  page.getByRole('button', { name, includeHidden: true }).dispatchEvent('click');

test.each(VIEWS)('%s reads well in both themes, and fits a phone in both languages', async (path, word) => {
  const page = await opened(path, { forgiven });
  await page.getByText(word, { exact: true }).filter({ visible: true }).first().waitFor();
  // Not as a script of the page, whose policy forbids it.
  await page.evaluate(axe);
  expect(await violations(page, ALL)).toEqual([]);
  await press(page, 'Dark theme');
  expect(await violations(page, COLOURS)).toEqual([]);
  await shrink(page);
  await expect.poll(() => widths(page)).toEqual([PHONE.viewport.width, 0]);
  await press(page, '中文');
  await page.getByRole('button', { name: 'English', includeHidden: true }).waitFor();
  await expect.poll(() => widths(page)).toEqual([PHONE.viewport.width, 0]);
});

test('Chinese is chosen in the line at the top, and kept', async () => {
  const page = await opened('/runs');
  await page.getByRole('button', { name: '中文' }).click();
  await page.getByRole('columnheader', { name: '开始时间' }).waitFor();
  expect(
    await page.evaluate(() => [document.documentElement.lang, localStorage.getItem('whet.language')]),
  ).toEqual(['zh', 'zh']);
});

test('the theme is changed in the line at the top', async () => {
  const page = await opened('/runs');
  await page.getByRole('button', { name: 'Dark theme' }).click();
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
});

test('where the server is gone the page says so and keeps what it showed', async () => {
  const page = await opened('/runs', { forgiven: /ERR_FAILED|ERR_ABORTED|ERR_CONNECTION/ });
  await page.getByRole('link', { name: 'digits-2' }).waitFor();
  await page.route('**/api/**', (route) => route.abort());
  await page.getByRole('button', { name: 'Archived too' }).click();
  await page.getByText('Offline', { exact: true }).waitFor();
});
