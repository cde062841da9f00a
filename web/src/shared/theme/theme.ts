/** Dark or light: what was chosen, else what the system says; kept in this browser. */
import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const KEY = 'whet.theme';
const listeners = new Set<() => void>();

/** The theme of the page now. */
export function theme(): Theme {
  return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light';
}

/** Show the page in another theme, now and at the next visit. */
export function setTheme(chosen: Theme): void {
  document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing: it holds for this visit.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The theme, followed as it changes. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

/** A token's value as it stands now, for what is drawn on a canvas: `token('--text')`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
