/**
 * Pictures of views, to look at: node scripts/look.mjs ROOT /runs /kitchen ... [--sizes 1440x900,390x844] [--themes
 * light,dark] [--languages en,zh] [--wait CSS]. They lie in .results/look. Serves ROOT by `whet ui` of this checkout.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sizes: { type: 'string', default: '1440x900,1024x768,390x844' },
    themes: { type: 'string', default: 'light,dark' },
    languages: { type: 'string', default: 'en' },
    full: { type: 'boolean', default: false },
    wait: { type: 'string', default: 'main h1, main table, main [role=grid], main [role=status]' },
  },
});
const [folder, ...paths] = positionals;
const server = spawn(process.env.PYTHON ?? 'python', ['-m', 'whet', 'ui', '--root', folder, '--port', '0'], {
  cwd: new URL('../..', import.meta.url).pathname,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const address = await new Promise((resolve) => createInterface(server.stdout).once('line', resolve));
const out = new URL('../.results/look/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const size of values.sizes.split(',')) {
    const [width, height] = size.split('x').map(Number);
    for (const theme of values.themes.split(',')) {
      for (const language of values.languages.split(',')) {
        const context = await browser.newContext({
          viewport: { width, height },
          colorScheme: theme,
          hasTouch: width < 500,
        });
        await context.addInitScript(`localStorage.setItem('whet.language', '${language}')`);
        const page = await context.newPage();
        page.on(
          'console',
          (said) =>
            ['error', 'warning'].includes(said.type()) && console.log(`  ${said.type()}: ${said.text()}`),
        );
        page.on('pageerror', (error) => console.log(`  thrown: ${error.message}`));
        await page.goto(address);
        for (const path of paths) {
          await page.goto(new URL(path, address).href);
          await page
            .waitForSelector(values.wait, { timeout: 15_000 })
            .catch(() => console.log(`  nothing came: ${path}`));
          await page.waitForLoadState('networkidle', { timeout: 5_000 }).catch(() => undefined);
          await page.waitForTimeout(300);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (wide > 0) console.log(`  ${path} at ${size} is ${wide} px too wide`);
          const name = `${path.replace(/[^\w]+/g, '_').replace(/^_/, '') || 'start'}-${size}-${theme}-${language}.png`;
          await page.screenshot({ path: out + name, fullPage: values.full });
          console.log(out + name);
        }
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  server.kill();
}
