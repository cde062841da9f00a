/** How a report that stands alone is built: one script and one file of styles, which the server puts into the report. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  define: { 'process.env.NODE_ENV': '"production"' },
  publicDir: false,
  build: {
    outDir: process.env.WHET_PAGE ?? '../whet/server/page',
    // The page was built there before.
    emptyOutDir: false,
    target: 'es2022',
    lib: {
      entry: 'src/viewer.tsx',
      formats: ['iife'],
      name: 'whetReport',
      fileName: () => 'report.js',
      cssFileName: 'report',
    },
  },
});
