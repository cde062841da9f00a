/** One browser for all tests, and pages in it that are known to the server and fail on what goes wrong within them. */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
  chromium,
} from 'playwright-core';
import { expect, inject, onTestFinished } from 'vitest';
import { PATIENCE_MS } from './patience';

let launched: Promise<Browser> | undefined;
// Contexts that pages share, by what they look like: the page's code is read once for each.
const shared = new Map<string, Promise<BrowserContext>>();

/** The browser; another where one has fallen. It ends with the process. */
async function browser(): Promise<Browser> {
  const found = await launched;
  if (found?.isConnected()) return found;
  shared.clear();
  launched = chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  return launched;
}

export interface Look extends BrowserContextOptions {
  language?: 'en' | 'zh';
  theme?: 'light' | 'dark';
  /** The address that another server printed. */
  server?: string;
  /** Errors in the console that the test provokes. */
  forgiven?: RegExp;
  /** In a context of its own: where the test changes what holds of all pages of one, such as the network. */
  isAlone?: boolean;
}

/** A page at a path of the server; the test fails if anything is thrown or refused by the policy in it. */
export async function opened(path: string, look: Look = {}): Promise<Page> {
  // Who is signed in is known by address, whatever the port.
  const { forgiven, server, isAlone = server !== undefined, ...looks } = look;
  const context = await (isAlone ? newContext(looks) : sharedContext(looks));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (said) => {
    const text = `${said.text()} ${said.location().url}`;
    if (said.type() === 'error' && !forgiven?.test(text)) wrong.push(text);
  });
  onTestFinished(async () => {
    await (isAlone ? context : page).close();
    expect(wrong).toEqual([]);
  });
  const address = new URL(server ?? inject('address'));
  const token = address.searchParams.get('token');
  const query = token ? `${path.includes('?') ? '&' : '?'}token=${token}` : '';
  await page.goto(new URL(`${path}${query}`, address).href);
  return page;
}

type Looks = Omit<Look, 'forgiven' | 'server' | 'isAlone'>;

async function newContext({ language = 'en', theme = 'light', ...options }: Looks): Promise<BrowserContext> {
  const context = await (
    await browser()
  ).newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: theme,
    ...options,
  });
  await context.addInitScript(beginning(language));
  return context;
}

async function sharedContext(looks: Looks): Promise<BrowserContext> {
  await browser();
  const key = JSON.stringify(looks);
  const found = shared.get(key) ?? newContext(looks);
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
