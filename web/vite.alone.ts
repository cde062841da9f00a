/** How a page that stands alone is built: one script and one file of styles, beside the page that was built before. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The build of `src/<entry>.tsx` as `<file>.js` and `<file>.css`, whose script is called `name` in the browser. */
export function alone(entry: string, file: string, name: string) {
  return defineConfig({
    plugins: [react()],
    resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
    define: { 'process.env.NODE_ENV': '"production"' },
    publicDir: false,
    build: {
      outDir: process.env.WHET_PAGE ?? '../whet/server/page',
      emptyOutDir: false,
      target: 'es2022',
      lib: {
        entry: `src/${entry}.tsx`,
        formats: ['iife'],
        name,
        fileName: () => `${file}.js`,
        cssFileName: file,
      },
    },
  });
}
