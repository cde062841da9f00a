/** The tests that drive a browser: one after another, each in a context of its own. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['tests/**/*.test.ts'],
    environment: 'node',
    globalSetup: 'tests/served.ts',
    fileParallelism: false,
    // Machines may be busy: a test waits for what it asks, and fails by what it sees.
    // What fails twice is a fault; what passes the second time is told as such.
    retry: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
  },
});
