/** The tests that drive a browser: two files at a time, each process with a browser of its own, over one server. */
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './patience.ts';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    globalSetup: 'tests/served.ts',
    // Files stand side by side: what one changes (tags, archive, boards, models) no other asks for.
    maxWorkers: 2,
    isolate: false,
    // Machines may be busy: a test waits for what it asks, and fails by what it sees.
    // What fails twice is a fault; what passes the second time is told as such.
    retry: 1,
    testTimeout: 10 * PATIENCE_MS,
    hookTimeout: 10 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS, interval: 50 } },
  },
});
