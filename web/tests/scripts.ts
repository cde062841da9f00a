/** Runs that are written while a test watches: a script that logs when it is told to, and a training. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject, onTestFinished } from 'vitest';
import { PYTHON, REPOSITORY, ended } from './served';

const environment = { ...process.env, PYTHONPATH: REPOSITORY, WHET_RECORD: 'never', OMP_NUM_THREADS: '1' };

// Logs a point for each line that it reads: `step loss`; says `ready` once its run is there.
const PROGRAM = `
import sys
import whet.track as track
run = track.init(dir=sys.argv[1], name=sys.argv[2], project="live")
print("ready", flush=True)
for line in sys.stdin:
    step, loss = line.split()
    run.log({"loss": float(loss)}, step=int(step))
run.finish()
`;

export interface Script {
  process: ChildProcess;
  log: (step: number, loss: number) => void;
  /** End it in order. */
  end: () => void;
}

/** A script whose run is under the served root. */
export async function script(name: string): Promise<Script> {
  const child = spawn(PYTHON, ['-c', PROGRAM, inject('root'), name], {
    env: environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => ended(child, 'SIGKILL'));
  await new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
  return {
    process: child,
    log: (step, loss) => child.stdin.write(`${step} ${loss}\n`),
    end: () => child.stdin.end(),
  };
}

/** A training of a tiny model under the served root; it goes on until it is told to stop, or killed. */
export function training(name: string): { kill: () => void } {
  const program = new URL('training.py', import.meta.url).pathname;
  const launcher = spawn(PYTHON, [program, inject('root'), name, '1000000'], {
    env: environment,
    stdio: 'ignore',
    detached: true,
  });
  const kill = () => {
    try {
      const lock = readFileSync(join(inject('root'), name, 'lock'), 'utf8');
      process.kill((JSON.parse(lock) as { pid: number }).pid, 'SIGKILL');
    } catch {
      // It has ended by itself, and the launcher with it.
    }
  };
  // With the training, if that has not been killed.
  onTestFinished(() => {
    try {
      process.kill(-(launcher.pid ?? 0), 'SIGKILL');
    } catch {
      // Both have ended.
    }
    return ended(launcher, 'SIGKILL');
  });
  return { kill };
}

// Prints each line that it reads; says `ready` on the descriptor, which is not kept, once its run is there.
const PRINTING = `
import os, sys
import whet.track as track
run = track.init(dir=sys.argv[1], name=sys.argv[2], project="live", record={"environment": False, "hardware_every_s": 0})
os.write(1, b"ready\\n")
for line in sys.stdin:
    print(line, end="", flush=True)
`;

/** A script that prints what it is told to, which its run keeps. */
export async function printing(name: string): Promise<{ print: (line: string) => void }> {
  const child = spawn(PYTHON, ['-c', PRINTING, inject('root'), name], {
    env: { ...environment, WHET_RECORD: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => ended(child, 'SIGKILL'));
  await new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
  return { print: (line) => child.stdin.write(`${line}\n`) };
}
