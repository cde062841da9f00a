/** A browser a file of tests, and pages in it that are known to the server and fail on what goes wrong within them. */
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished } from 'vitest';

let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});
afterAll(() => browser?.close());

export interface Look extends BrowserContextOptions {
  language?: 'en' | 'zh';
  theme?: 'light' | 'dark';
  /** The address that another server printed. */
  server?: string;
  /** Errors in the console that the test provokes. */
  forgiven?: RegExp;
}

/** A page at a path of the server; the test fails if anything is thrown or refused by the policy in it. */
export async function opened(path: string, look: Look = {}): Promise<Page> {
  const { language = 'en', theme = 'light', forgiven, server, ...options } = look;
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: theme,
    ...options,
  });
  // A page in a frame that is allowed nothing has no storage.
  await context.addInitScript(`try { localStorage.setItem('whet.language', '${language}') } catch {}`);
  const page = await context.newPage();
  // As long as `expect.poll` waits: others may use the machine too.
  page.setDefaultTimeout(30_000);
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (said) => {
    const text = `${said.text()} ${said.location().url}`;
    if (said.type() === 'error' && !forgiven?.test(text)) wrong.push(text);
  });
  onTestFinished(async () => {
    await context.close();
    expect(wrong).toEqual([]);
  });
  const address = new URL(server ?? inject('address'));
  const token = address.searchParams.get('token');
  const query = token ? `${path.includes('?') ? '&' : '?'}token=${token}` : '';
  await page.goto(new URL(`${path}${query}`, address).href);
  return page;
}

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;
