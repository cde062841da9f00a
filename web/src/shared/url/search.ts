/** The state of a view is its address: plain `?name=text` parameters, read and changed by name. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

export type Search = Readonly<Record<string, string | undefined>>;

/** `?a=1&b=x` as names and texts. */
export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Names and texts as `?a=1&b=x`; what is undefined or empty is left out. */
export function writeSearch(values: Record<string, unknown>): string {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return text ? `?${text}` : '';
}

/** The parameters of the address, and a function that changes some of them (undefined removes one). */
export function useAddress(): [Search, (change: Search, options?: { push?: boolean }) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const change = useCallback(
    (values: Search, options: { push?: boolean } = {}) => {
      void navigate({
        to: '.',
        search: ((before: Search) => ({ ...before, ...values })) as never,
        replace: !options.push,
        // It is the same view: whatever is scrolled in it stays.
        resetScroll: false,
      });
    },
    [navigate],
  );
  return [search, change];
}

/** A parameter that lists names with commas between (a comma in a name is `%2C`). */
export function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').filter(Boolean).map(decodeURIComponent);
}

/** Names as such a parameter. */
export function listed(names: readonly string[]): string | undefined {
  return names.length
    ? names.map((name) => name.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')
    : undefined;
}
