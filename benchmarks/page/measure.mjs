/**
 * How fast the page is, in headless chromium over a real `whet ui`: node benchmarks/page/measure.mjs
 *
 * - the first curve of a run of a million steps, from the click to drawn, the first time and again;
 * - frames a second while fifty runs with twenty curves each are panned;
 * - what a page that watches a live run costs the server.
 *
 * Needs `make web`. PYTHON names the Python that has whet, CHROMIUM the browser.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from '../../web/node_modules/playwright-core/index.mjs';

const REPOSITORY = new URL('../..', import.meta.url).pathname;
const PYTHON = process.env.PYTHON ?? 'python3';
const env = { ...process.env, PYTHONPATH: REPOSITORY };
const TIMES = 5;

const root = mkdtempSync(join(tmpdir(), 'whet-page-'));
execFileSync(PYTHON, [join(REPOSITORY, 'benchmarks/page/runs.py'), root], { env, stdio: ['ignore', 'ignore', 'inherit'] });

async function served() {
  const server = spawn(PYTHON, ['-m', 'whet', 'ui', '--root', root, '--port', '0'], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { server, address: await new Promise((done) => createInterface(server.stdout).once('line', done)) };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const told = (values) => `${middle(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;

/** From the request of a curve to the frame in which it is drawn. */
async function firstCurve() {
  const { server, address } = await served();
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.goto(address);
  await page.getByText('long', { exact: true }).first().waitFor();
  const [clicks, requests] = [[], []];
  for (let turn = 0; turn < TIMES; turn++) {
    const measured = await page.evaluate(async () => {
      performance.clearResourceTimings();
      const link = [...document.querySelectorAll('a')].find((one) => one.textContent === 'long');
      const began = performance.now();
      link.click();
      while (!document.querySelector('figure canvas')) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      const drawn = performance.now();
      const asked = performance.getEntriesByType('resource').find((one) => one.name.includes('/curves'));
      return { click: drawn - began, request: asked ? drawn - asked.startTime : NaN };
    });
    clicks.push(measured.click);
    requests.push(measured.request);
    await page.goto(new URL('/runs', address).href);
    await page.getByText('long', { exact: true }).first().waitFor();
  }
  server.kill();
  return { clicks, requests: requests.filter(Number.isFinite) };
}

/** Frames while charts of fifty runs are panned by the wheel. */
async function panning() {
  const { server, address } = await served();
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.goto(address);
  const runs = Array.from({ length: 50 }, (_, n) => `one-${String(n).padStart(2, '0')}`).join(',');
  const began = Date.now();
  await page.goto(new URL(`/compare?runs=${runs}&from=200&to=900`, address).href);
  await page.locator('figure canvas').nth(3).waitFor({ timeout: 90_000 });
  await page.waitForLoadState('networkidle').catch(() => undefined);
  const opened = Date.now() - began;
  const box = await page.locator('.u-over').first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.move(box.x + box.width / 2 + 3, box.y + box.height / 2);
  await page.evaluate(() => {
    globalThis.frames_ = [];
    let drawn = 0;
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...box) {
      drawn++;
      return clear.apply(this, box);
    };
    // A frame counts in which charts were drawn anew.
    const tick = (now) => {
      globalThis.frames_.push([now, drawn > 0]);
      drawn = 0;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  await page.keyboard.down('Shift');
  // A hand does not wait for the page: forth and back, forty pixels each sixtieth of a second.
  const turns = [];
  for (let turn = 0; turn < 180; turn++) {
    turns.push(page.mouse.wheel(0, turn % 60 < 15 || turn % 60 >= 45 ? 40 : -40));
    await new Promise((done) => setTimeout(done, 16));
  }
  await Promise.all(turns);
  await page.keyboard.up('Shift');
  const frames = (await page.evaluate(() => globalThis.frames_)).filter(([, isDrawn]) => isDrawn).map(([time]) => time);
  const gaps = frames.slice(1).map((one, index) => one - frames[index]);
  const canvases = await page.locator('figure canvas').count();
  server.kill();
  return { opened, gaps, canvases, rate: (1000 * gaps.length) / (frames.at(-1) - frames[0]) };
}

/** Share of a core that the server takes while a page watches a run that logs ten steps a second. */
async function watching() {
  const { server, address } = await served();
  const script = 'import sys, time, whet.track as t\nwith t.init(name="live", dir=sys.argv[1]) as r:\n    for s in range(400):\n        r.log({f"m/{k}": s * k for k in range(30)}, step=s); time.sleep(0.1)\n';
  const writer = spawn(PYTHON, ['-c', script, root], { env: { ...env, WHET_RECORD: 'never' }, stdio: 'ignore' });
  const ticks = () => {
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const share = async (seconds) => {
    const [before, began] = [ticks(), Date.now()];
    await new Promise((done) => setTimeout(done, seconds * 1000));
    return (100 * (ticks() - before)) / ((Date.now() - began) / 1000);
  };
  await new Promise((done) => setTimeout(done, 3000));
  const idle = await share(6);
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  await page.goto(new URL('/runs/live', address).href);
  await page.locator('figure canvas').first().waitFor();
  await new Promise((done) => setTimeout(done, 3000));
  const watched = await share(10);
  writer.kill();
  server.kill();
  return { idle, watched };
}

try {
  const first = await firstCurve();
  console.log(`first curve of 1,000,000 steps, from its request to drawn: ${told(first.requests)}; the first time ${first.requests[0]?.toFixed(0)} ms`);
  console.log(`    from the click in the table to drawn: ${told(first.clicks)}; the first time ${first.clicks[0].toFixed(0)} ms`);
  const pan = await panning();
  const sorted = [...pan.gaps].sort((a, b) => a - b);
  console.log(`50 runs x 20 curves: opened in ${pan.opened} ms; panned at ${pan.rate.toFixed(0)} frames a second, 95 % of frames within ${sorted[Math.floor(0.95 * sorted.length)].toFixed(0)} ms (${pan.canvases} charts stand)`);
  const watch = await watching();
  console.log(`server: ${watch.idle.toFixed(2)} % of a core with nobody, ${watch.watched.toFixed(2)} % with a page on a live run of 30 curves`);
} finally {
  await browser.close();
  rmSync(root, { recursive: true, force: true });
}
