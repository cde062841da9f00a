/** What the tests in a browser share: runs that were really made, and a real `whet ui` over them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';

export const PYTHON = process.env.PYTHON ?? 'python3';
export const REPOSITORY = new URL('../..', import.meta.url).pathname;
// A folder that is kept between runs of the tests spares making what is in it.
const KEPT = process.env.WHET_PAGES_ROOT;
const environment: NodeJS.ProcessEnv = { ...process.env, PYTHONPATH: REPOSITORY };

/** `whet ui` over a folder: the process, and the address that it printed. */
export async function served(
  root: string,
  ...more: string[]
): Promise<{ process: ChildProcess; address: string }> {
  const process = spawn(PYTHON, ['-m', 'whet', 'ui', '--root', root, '--port', '0', ...more], {
    cwd: REPOSITORY,
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
  const root = KEPT ?? mkdtempSync(join(tmpdir(), 'whet-page-'));
  for (const made of ['runs.py', 'trainings.py'])
    execFileSync(PYTHON, [join(REPOSITORY, 'web/tests', made), root], {
      env: { ...environment, OMP_NUM_THREADS: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const { process, address } = await served(root);
  project.provide('address', address);
  project.provide('root', root);
  return async () => {
    await ended(process);
    for (const folder of KEPT ? [] : [root, `${root}-material`])
      rmSync(folder, { recursive: true, force: true });
  };
}
