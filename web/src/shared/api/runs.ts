/** Runs: what the API says of them, and hooks that ask it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, api } from './client';
import type { components } from './schema';

/** A run in one row; columns that were asked for stand beside these. Times are Unix seconds. */
export type RunRow = components['schemas']['ListedRun'] & Record<string, unknown>;
export type Status = RunRow['status'];
export type RunList = Omit<components['schemas']['RunList'], 'runs'> & { runs: RunRow[] };
/** One run with what it says of itself. */
export type RunPage = components['schemas']['RunPage'];

/** What is asked of the listing, all of it text as in the address. */
export interface RunsQuery {
  filter?: string;
  sort?: string;
  columns?: string;
  archived?: boolean;
  spark?: boolean;
  limit?: number;
  offset?: number;
}

/** Runs by a filter; the rows of the last one stay until those of the next are there. */
export function useRuns(query: RunsQuery) {
  return useQuery({
    queryKey: ['runs', query],
    queryFn: ({ signal }) => answer<RunList>(api.GET('/api/v1/runs', { params: { query }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 5_000,
  });
}
