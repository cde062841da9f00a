/** Dark or light: what was chosen, else what the system says; kept in this browser. */
import { remembered } from '~/shared/remembered/remembered';

export type Theme = 'light' | 'dark';

/** The theme of the page now. */
export function theme(): Theme {
  return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light';
}

const kept = remembered('whet.theme', theme, (chosen) => (document.documentElement.dataset.theme = chosen));
/** Show the page in another theme. */
export const setTheme = kept.choose;
/** The theme, followed as it changes. */
export const useTheme = kept.useChosen;

/** A token's value as it stands now, for what is drawn on a canvas: `token('--text')`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
