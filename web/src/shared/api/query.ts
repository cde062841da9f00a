/** The query cache: what was asked is shown while it is asked again, and no refusal is asked twice. */
import { QueryClient } from '@tanstack/react-query';
import { Offline } from './client';

/** A new cache; the page has one. */
export function queryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 10 * 60_000,
        retry: (count, error) => error instanceof Offline && count < 2,
        refetchOnWindowFocus: true,
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
}
