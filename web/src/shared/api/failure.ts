/** What is said of a failure: in the library's words, in the page's language where they are known. */
import { language } from '~/shared/i18n/i18n';
import { translated } from '~/shared/i18n/sentences';
import { ApiError } from './client';
import { REFUSALS } from './refusals';

const inPage = (sentence: string): string => translated(REFUSALS, language(), sentence);

/** What went wrong, in one line. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return inPage(error.message);
  return error instanceof Error ? error.message : String(error);
}

/** What to do about it; empty where nothing is known. */
export function hintOf(error: unknown): string {
  return error instanceof ApiError ? inPage(error.hint) : '';
}

/** The lines as a terminal shows them: what, where, and what to type. */
export function linesOf(error: unknown): string {
  const at = error instanceof ApiError && error.at ? `\n  at ${error.at}` : '';
  const hint = hintOf(error);
  return `error: ${messageOf(error)}${at}${hint ? `\nhint: ${hint}` : ''}`;
}
