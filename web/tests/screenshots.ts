/** The pictures of the docs: a few views over the runs of the tests, as WebP. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import { type Look, opened } from './browser';
import { REPOSITORY } from './served';

const FOLDER = join(REPOSITORY, 'docs/images');
const SIZE = { width: 1280, height: 800 };
const QUALITY = 88;

interface Shot {
  path: string;
  /** What stands there once the view is drawn. */
  word: string | RegExp;
  look?: Look;
  /** What is done before the picture is taken. */
  act?: (page: Page) => Promise<unknown>;
}

const SHOTS: Readonly<Record<string, Shot>> = {
  runs: { path: `/runs?group=project&filter=${encodeURIComponent('loss < 5')}`, word: 'spike' },
  run: { path: '/runs/leaping', word: 'grad_norm' },
  compare: { path: '/compare?runs=digits-0,digits-2,digits-4&smoothing=0.9', word: 'gradient_norm' },
  seeds: {
    path: '/compare?runs=seed-1,seed-2,seed-3,seed-4&group=seed&find=eval/&band=deviation',
    word: 'seed-1 × 3',
  },
  evaluations: {
    path: '/compare?runs=taught,rewarded&part=evaluations&baseline=taught',
    word: 'best',
  },
  plan: { path: '/plan', word: 'What fits on this card' },
  diagnosis: { path: '/runs/leaping/diagnosis', word: 'loss-spike' },
  samples: {
    path: '/runs/leaping/samples?step=25',
    word: 'Single tokens',
    act: async (page) => {
      // Texts and tokens wait for the libraries of training.
      await page
        .getByRole('group', { name: /token by token/ })
        .first()
        .waitFor();
      await page.getByRole('table').getByRole('row').nth(1).getByRole('button').waitFor();
      await page.getByText('Single tokens').scrollIntoViewIfNeeded();
    },
  },
  dark: {
    path: '/runs/ranks/system',
    word: /明显偏高/,
    look: { theme: 'dark', language: 'zh' },
    act: (page) => page.getByText(/明显偏高/).evaluate((told) => told.scrollIntoView({ block: 'center' })),
  },
};

test.each(Object.entries(SHOTS))('%s', async (name, { path, word, look, act }) => {
  const page = await opened(path, { viewport: SIZE, reducedMotion: 'reduce', ...look });
  await page.getByText(word).first().waitFor();
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => document.fonts.ready);
  await act?.(page);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
});
