/** Words in two languages: tables in which none can be missing, and the language that was chosen. */
import { useMemo } from 'react';
import { remembered } from '~/shared/remembered/remembered';

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the arguments are those of each entry
type Entry = string | ((...values: any[]) => string);
/** One thing said in every language: a text, or a function of what is put into it. */
export interface Words<T extends Entry = string> {
  en: T;
  zh: T;
}
type Table = Record<string, Words<Entry>>;
type Said<T extends Table> = { readonly [K in keyof T]: Widened<T[K]['en']> };
type Widened<T> = T extends string ? string : T;

/** A table of words: `strings({ title: { en: 'Runs', zh: '实验' }, total: { en: (n: number) => ..., zh: ... } })`. */
export function strings<const T extends Table>(table: T): T {
  return table;
}

/** The language that the page speaks now. */
export function language(): Language {
  return document.documentElement.lang === 'zh' ? 'zh' : 'en';
}

const kept = remembered('whet.language', language, (chosen) => (document.documentElement.lang = chosen));
/** Let the page speak another language. */
export const setLanguage = kept.choose;
/** The language, followed as it changes. */
export const useLanguage = kept.useChosen;

/** The entries of a table in a language. */
export function said<T extends Table>(table: T, chosen: Language): Said<T> {
  return Object.fromEntries(Object.entries(table).map(([name, words]) => [name, words[chosen]])) as Said<T>;
}

/** The entries of a table in the page's language. */
export function useStrings<T extends Table>(table: T): Said<T> {
  const chosen = useLanguage();
  return useMemo(() => said(table, chosen), [table, chosen]);
}

/** One entry in the page's language. */
export function useWords(): (words: Words) => string {
  const chosen = useLanguage();
  return (words) => words[chosen];
}
