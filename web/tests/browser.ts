/** A browser a file of tests, and pages in it that are known to the server and fail on what goes wrong within them. */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
  chromium,
} from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished } from 'vitest';

let browser: Browser;
// Contexts that pages share, by what they look like.
const shared = new Map<string, BrowserContext>();

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});
afterAll(() => {
  shared.clear();
  return browser?.close();
});

export interface Look extends BrowserContextOptions {
  language?: 'en' | 'zh';
  theme?: 'light' | 'dark';
  /** The address that another server printed. */
  server?: string;
  /** Errors in the console that the test provokes. */
  forgiven?: RegExp;
  /** In a context with others that look so, which has read the page's code already; what a page keeps is its own. */
  isShared?: boolean;
}

/** A page at a path of the server; the test fails if anything is thrown or refused by the policy in it. */
export async function opened(path: string, look: Look = {}): Promise<Page> {
  const { forgiven, server, isShared = false, ...looks } = look;
  const context = isShared ? await sharedContext(looks) : await newContext(looks);
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
    await (isShared ? page : context).close();
    expect(wrong).toEqual([]);
  });
  const address = new URL(server ?? inject('address'));
  const token = address.searchParams.get('token');
  const query = token ? `${path.includes('?') ? '&' : '?'}token=${token}` : '';
  await page.goto(new URL(`${path}${query}`, address).href);
  return page;
}

type Looks = Omit<Look, 'forgiven' | 'server' | 'isShared'>;

async function newContext({ language = 'en', theme = 'light', ...options }: Looks): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: theme,
    ...options,
  });
  await context.addInitScript(beginning(language));
  return context;
}

async function sharedContext(looks: Looks): Promise<BrowserContext> {
  const key = JSON.stringify(looks);
  const found = shared.get(key) ?? (await newContext(looks));
  shared.set(key, found);
  return found;
}

// A page keeps nothing of those before it, and speaks a language. In a frame that is allowed nothing there is no storage.
const beginning = (language: string) => `try {
  if (!sessionStorage.getItem('whet.begun')) {
    localStorage.clear();
    localStorage.setItem('whet.language', '${language}');
    sessionStorage.setItem('whet.begun', 'yes');
  }
} catch {}`;

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;
