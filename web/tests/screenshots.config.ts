/** The pictures of the docs, made from the runs of the tests: `npm run screenshots` writes them to docs/images. */
import { defineConfig, mergeConfig } from 'vitest/config';
import tests from './vitest.config';

export default mergeConfig(tests, defineConfig({ test: { include: ['tests/screenshots.ts'] } }), false);
