/** What the tests in a browser share: runs that were really made, and a real `whet ui` over them. */
import { type ChildProcess, type ExecFileOptions, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

export const PYTHON = process.env.PYTHON ?? 'python3';
export const REPOSITORY = new URL('../..', import.meta.url).pathname;
// A folder that is kept between runs of the tests spares making the runs in it.
const KEPT = process.env.WHET_PAGES_ROOT;
const environment: NodeJS.ProcessEnv = { ...process.env, PYTHONPATH: REPOSITORY, OMP_NUM_THREADS: '1' };

/** Runs a Python program to its end, while the tests' own process goes on; what it printed. Fails where it fails. */
export async function python(words: string[], options: ExecFileOptions = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(PYTHON, words, {
    maxBuffer: 1 << 26,
    ...options,
    env: { ...environment, ...options.env },
  });
  return String(stdout);
}

/** `whet ui` over the folder `runs` in a folder, as who stands there types it: the process, and its printed address. */
export async function served(
  folder: string,
  ...more: string[]
): Promise<{ process: ChildProcess; address: string }> {
  const process = spawn(PYTHON, ['-m', 'whet', 'ui', '--port', '0', ...more], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const address = await new Promise<string>((resolve, reject) => {
    createInterface(process.stdout).once('line', resolve);
    process.once('exit', (code) => reject(new Error(`whet ui ended with ${code}`)));
  });
  return { process, address };
}

/** Ends a process, and waits until it writes nothing more. */
export async function ended(process: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exit = once(process, 'exit');
  process.kill(signal);
  await exit;
}

declare module 'vitest' {
  export interface ProvidedContext {
    address: string;
    root: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = KEPT ?? mkdtempSync(join(tmpdir(), 'whet-page-'));
  const [root, work] = [join(folder, 'runs'), join(folder, 'work')];
  mkdirSync(work, { recursive: true });
  // What trainings are made of lies beside the runs, and goes with them.
  const made = ['runs.py', 'trainings.py'].map((name) =>
    python([join(REPOSITORY, 'web/tests', name), root], { cwd: folder, env: { TMPDIR: work } }),
  );
  await Promise.all(made);
  const { process, address } = await served(folder);
  project.provide('address', address);
  project.provide('root', root);
  return async () => {
    await ended(process);
    if (!KEPT) rmSync(folder, { recursive: true, force: true });
  };
}
