/** The tests that drive a browser: one after another in one process, with one browser and one server. */
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './patience.ts';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    globalSetup: 'tests/served.ts',
    fileParallelism: false,
    maxWorkers: 1,
    isolate: false,
    // Machines may be busy: a test waits for what it asks, and fails by what it sees.
    // What fails twice is a fault; what passes the second time is told as such.
    retry: 1,
    testTimeout: 10 * PATIENCE_MS,
    hookTimeout: 10 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS, interval: 50 } },
  },
});
