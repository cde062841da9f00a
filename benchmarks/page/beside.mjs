/**
 * Our page beside MLflow's, TensorBoard's and trackio's, on the same numbers in the same headless chromium:
 * node benchmarks/page/beside.mjs [RUNS METRICS STEPS LONG]
 *
 * - a long run: from the navigation to its address to the frame in which its first curve is drawn;
 * - the comparison: from the navigation to the frame in which its first charts are drawn;
 * - frames a second in which a chart changed while the wheel turns over it, `-` where the wheel changes no chart;
 * - what an open, untouched comparison costs the server and all its children, in percent of a core.
 *
 * Every page is opened with an empty cache first, then again in the same browser. Needs `make web`. PYTHON names the
 * Python that has whet, MLFLOW_PYTHON the one that has MLflow, TRACKERS_PYTHON the one that has TensorBoard and
 * trackio: a tool without its Python is left out. CHROMIUM names the browser, TOOLS the tools (all).
 */
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from '../../web/node_modules/playwright-core/index.mjs';
import { TOOLS } from './tools.mjs';

const HERE = new URL('.', import.meta.url).pathname;
const [runs = 50, metrics = 20, steps = 2000, long = 1_000_000] = process.argv.slice(2).map(Number);
const [LIMIT_MS, TIMES, OPEN_S] = [Number(process.env.LIMIT_S ?? 60) * 1000, 3, 10];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const root = mkdtempSync(join(tmpdir(), 'pages-'));

/** A port that nobody listens on. */
const freePort = () =>
  new Promise((done) => {
    const asked = createServer().listen(0, '127.0.0.1', () => {
      const { port } = asked.address();
      asked.close(() => done(port));
    });
  });

/** Start `tool`'s server over `folder`; its first address is there once it answers. */
async function serve(tool, python, folder, project) {
  const port = await freePort();
  const { args, env } = tool.server(folder, port, project);
  const server = spawn(python, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    detached: true, // a process group of its own, so that its children are counted and ended with it
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(server.pid);
  const log = createWriteStream(join(root, 'servers.log'), { flags: 'a' });
  server.stderr.pipe(log);
  const line = new Promise((done) => createInterface(server.stdout).once('line', done));
  const address = tool.isAddressPrinted ? await line : `http://127.0.0.1:${port}/`;
  for (const end = Date.now() + 120_000; ; await pause(200)) {
    if (server.exitCode !== null) throw new Error(`the server ended: ${readFileSync(join(root, 'servers.log'), 'utf8').slice(-2000)}`);
    const answer = await fetch(address).catch(() => null);
    if (answer?.ok) return { group: server.pid, address };
    if (Date.now() > end) throw new Error('the server did not answer in 120 s');
  }
}

const stop = ({ group }) => {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // it has ended already
  }
};

/** What still runs when this script is told to end. */
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const group of running) stop({ group });
    rmSync(root, { recursive: true, force: true });
    process.exit(1);
  });

/** Processor seconds of a process group so far. */
function processor(group) {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (Number(fields[2]) === group) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // it ended while we looked
    }
  }
  return ticks / 100;
}

/** In the page: note the frame in which the first `wanted` charts of `charts` hold a curve. */
function watchDrawn({ charts, kind, wanted }) {
  const scratch = document.createElement('canvas');
  [scratch.width, scratch.height] = [200, 100];
  const ink = scratch.getContext('2d', { willReadFrequently: true });
  const isDrawn = {
    // Axes and grids are grey, curves are not: some pixel has to have a colour.
    canvas: (chart) => {
      if (!chart.width || !chart.height) return false;
      ink.clearRect(0, 0, 200, 100);
      ink.drawImage(chart, 0, 0, 200, 100);
      const { data } = ink.getImageData(0, 0, 200, 100);
      let coloured = 0;
      for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
        if (data[at + 3] > 16 && Math.max(red, green, blue) - Math.min(red, green, blue) > 24) coloured++;
      }
      return coloured > 20;
    },
    path: (chart) => [...chart.querySelectorAll('path')].some((one) => (one.getAttribute('d')?.match(/[ML,]/g) ?? []).length > 10),
  }[kind];
  const done = new Set();
  const look = () => {
    for (const chart of document.querySelectorAll(charts)) if (!done.has(chart) && isDrawn(chart)) done.add(chart);
    if ([...done].filter((chart) => chart.isConnected).length >= wanted) globalThis.drawnAfter_ = performance.now();
    else requestAnimationFrame(look);
  };
  addEventListener('DOMContentLoaded', () => requestAnimationFrame(look));
}

/** A page that has drawn `wanted` charts, and how long that took since the navigation; null past the limit. */
async function open(context, tool, address, wanted) {
  const page = await context.newPage();
  await page.addInitScript(watchDrawn, { charts: tool.charts, kind: tool.kind, wanted });
  await page.goto(address, { waitUntil: 'commit', timeout: LIMIT_MS });
  const found = await page.waitForFunction(() => globalThis.drawnAfter_, null, { timeout: LIMIT_MS, polling: 100 }).catch(() => null);
  return { page, took: found ? await found.jsonValue() : null };
}

/** Frames a second in which a chart changed while the wheel turned for three seconds; null where none did. */
async function turnWheel(page, tool) {
  const box = await page.locator(tool.wheel.over).first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.move(box.x + box.width / 2 + 3, box.y + box.height / 2);
  await pause(1000); // what the pointer alone changes is over
  await page.evaluate((changing) => {
    let isChanged = false;
    globalThis.frames_ = [];
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...given) {
      isChanged = true;
      return clear.apply(this, given);
    };
    // Where a worker draws the curves, the axis follows in the page.
    const observer = new MutationObserver(() => (isChanged = true));
    if (changing) for (const one of document.querySelectorAll(changing)) observer.observe(one, { subtree: true, childList: true, characterData: true, attributes: true });
    const tick = (now) => {
      if (isChanged) globalThis.frames_.push(now);
      isChanged = false;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }, tool.wheel.changing);
  if (tool.wheel.key) await page.keyboard.down(tool.wheel.key);
  const turns = [];
  for (let turn = 0; turn < 180; turn++) {
    turns.push(page.mouse.wheel(0, turn % 60 < 15 || turn % 60 >= 45 ? 40 : -40));
    await pause(16);
  }
  await Promise.all(turns);
  if (tool.wheel.key) await page.keyboard.up(tool.wheel.key);
  const frames = await page.evaluate(() => globalThis.frames_);
  return frames.length < 10 ? null : (1000 * (frames.length - 1)) / (frames.at(-1) - frames[0]);
}

/** Open a view with an empty cache and then again, `TIMES` in all; the last page stays open. */
async function openOften(browser, tool, signedIn, address, wanted) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, storageState: signedIn });
  const times = [];
  for (let turn = 0; ; turn++) {
    const { page, took } = await open(context, tool, address, wanted);
    times.push(took);
    if (took === null || turn + 1 === TIMES) return { context, page, times };
    await page.close();
  }
}

/** Cookies after the first address, where a tool signs in by it. */
async function signIn(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address, { timeout: LIMIT_MS });
  const state = await context.storageState();
  await context.close();
  return { cookies: state.cookies, origins: [] };
}

async function measure(browser, tool, python, folder, made) {
  const found = {};
  let server = await serve(tool, python, folder, 'long');
  try {
    let signedIn = tool.isAddressPrinted ? await signIn(browser, server.address) : undefined;
    const first = await openOften(browser, tool, signedIn, tool.long(server.address, made), 1);
    found.long = first.times;
    await first.context.close();
    stop(server);
    server = await serve(tool, python, folder, 'compared');
    signedIn = tool.isAddressPrinted ? await signIn(browser, server.address) : undefined;
    const names = Array.from({ length: runs }, (_, n) => `one-${String(n).padStart(2, '0')}`);
    const address = tool.compared(server.address, made, names);
    const compared = await openOften(browser, tool, signedIn, address, Math.min(tool.inSight, metrics));
    found.compared = compared.times;
    await pause(3000); // charts below come after
    const [before, began] = [processor(server.group), Date.now()];
    await pause(OPEN_S * 1000);
    found.server = (100 * (processor(server.group) - before)) / ((Date.now() - began) / 1000);
    if (tool.zoomed) {
      await compared.page.goto(tool.zoomed(address), { waitUntil: 'commit', timeout: LIMIT_MS });
      await compared.page.waitForFunction(() => globalThis.drawnAfter_, null, { timeout: LIMIT_MS, polling: 100 });
    }
    found.frames = found.compared.at(-1) === null ? null : await turnWheel(compared.page, tool);
    if (process.env.SHOTS) await compared.page.screenshot({ path: join(process.env.SHOTS, `${tool.name}.png`) }).catch(() => undefined);
    await compared.context.close();
  } finally {
    stop(server);
  }
  return found;
}

const seconds = (value) => (value === null ? `> ${LIMIT_MS / 1000} s` : `${(value / 1000).toFixed(2)} s`);
function told(times) {
  const again = times.slice(1).sort((a, b) => (a ?? Infinity) - (b ?? Infinity));
  return again.length ? `${seconds(times[0])}, again ${again.map(seconds).join(' ')}` : seconds(times[0]);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
const asked = process.env.TOOLS?.split(' ') ?? TOOLS.map((tool) => tool.name);
console.log(`${runs} runs x ${metrics} metrics x ${steps} steps; a long run of ${long} steps; ${browser.version()}`);
try {
  for (const tool of TOOLS.filter((one) => asked.includes(one.name))) {
    const python = process.env[tool.python];
    if (!python) {
      console.log(`${tool.name}: left out, ${tool.python} names no Python that has it`);
      continue;
    }
    const folder = join(root, tool.name);
    mkdirSync(folder);
    try {
      const began = Date.now();
      const printed = execFileSync(python, [...tool.writer(HERE), folder, ...[runs, metrics, steps, long].map(String)].filter(Boolean), {
        env: { ...process.env, ...tool.writerEnv },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const wrote = (Date.now() - began) / 1000;
      const found = await measure(browser, tool, python, folder, JSON.parse(String(printed).trim().split('\n').at(-1) || '{}'));
      console.log(
        `${tool.name}: long run drawn in ${told(found.long)}; comparison (${Math.min(tool.inSight, metrics)} charts, ${tool.shows}) in ${told(found.compared)}; ` +
          `wheel ${found.frames === null ? '-' : `${found.frames.toFixed(0)} frames/s`}; server ${found.server.toFixed(1)} % of a core; ` +
          `data written in ${wrote.toFixed(0)} s`,
      );
    } catch (error) {
      console.log(`${tool.name}: not measured, ${error.message}`);
    }
    rmSync(folder, { recursive: true, force: true });
  }
} finally {
  await browser.close();
  rmSync(root, { recursive: true, force: true });
}
