/** How the screen of the plan is built to stand alone: one script and one file of styles, beside tables of the engine. */
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
      entry: 'src/planner.tsx',
      formats: ['iife'],
      name: 'whetPlan',
      fileName: () => 'plan.js',
      cssFileName: 'plan',
    },
  },
});
