/** Runs: what the API says of them, and hooks that ask it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, api } from './client';
import type { Numeric } from './numbers';

export type Status = 'running' | 'done' | 'stopped' | 'failed' | 'killed' | (string & {});

/** A run in one row; columns that were asked for stand beside these. Times are Unix seconds. */
export interface RunRow {
  name: string;
  status: Status;
  reason: string;
  attempts: number;
  step: number | null;
  total: number | null;
  loss: Numeric;
  started: number | null;
  duration_s: number;
  tokens_per_s: Numeric;
  project: string;
  tags: string[];
  pinned?: boolean;
  archived?: boolean;
  notes?: string;
  group?: string;
  spark?: Numeric[];
  [column: string]: unknown;
}

export interface RunList {
  runs: RunRow[];
  total: number;
  /** Names that filters, columns and sorting may use. */
  names?: string[];
}

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
