/** The query cache: what was asked is shown while it is asked again; a refusal is asked again only where it says later. */
import { QueryClient } from '@tanstack/react-query';
import { ApiError, Offline } from './client';

// A server that has too much to do says to come again after so long; not all come at the same moment.
const [LATER_MS, SPREAD_MS, TIMES] = [5_000, 2_000, 6];

const isBusy = (error: unknown) => error instanceof ApiError && error.status === 503;

/** A new cache; the page has one. */
export function queryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 10 * 60_000,
        retry: (count, error) => (isBusy(error) ? count < TIMES : error instanceof Offline && count < 2),
        retryDelay: (count, error) =>
          isBusy(error) ? LATER_MS + SPREAD_MS * Math.random() : 1_000 * 2 ** count,
        refetchOnWindowFocus: true,
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
}
