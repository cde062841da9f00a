/** The pictures of the docs, made from the runs of the tests: `npm run screenshots` writes them to docs/images. */
import { defineConfig } from 'vitest/config';
import tests from './vitest.config.ts';

export default defineConfig({ ...tests, test: { ...tests.test, include: ['tests/screenshots.ts'] } });
