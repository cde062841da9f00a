/** How the page is built: one bundle into whet/server/page, which the wheel carries; and how it is developed. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const server = process.env.WHET_SERVER ?? 'http://127.0.0.1:8100';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: process.env.WHET_PAGE ?? '../whet/server/page',
    emptyOutDir: true,
    manifest: true,
    target: 'es2022',
    // Everything is served by one process on loopback: what is small still has an address, as the policy forbids data:.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      '/api': {
        target: server,
        changeOrigin: true,
        headers: { Authorization: `Bearer ${process.env.WHET_TOKEN ?? ''}`, Origin: server },
      },
    },
  },
  test: {
    pool: 'threads',
    maxWorkers: 1,
    // What draws nothing needs no document, which takes longer to make than all of those tests.
    projects: [
      {
        extends: true,
        test: { name: 'units', include: ['src/**/*.test.ts'], environment: 'node', isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['src/**/*.test.tsx'],
          environment: 'happy-dom',
          setupFiles: ['src/shared/testing/setup.ts'],
        },
      },
    ],
  },
});
