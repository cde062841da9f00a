/** Runs: what the API says of them, and hooks that ask it. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEvents } from '~/shared/live/events';
import { writeSearch } from '~/shared/url/search';
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
  /** Words of names, projects, groups and tags. */
  q?: string;
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
  });
}

type News = components['schemas']['ListingNews'];

/** Follow the runs of a query: rows that change are changed where they stand; what is new or gone is asked for. */
export function useLiveRuns(query: RunsQuery): void {
  const client = useQueryClient();
  const key = ['runs', query];
  const { filter, columns, archived, spark } = query;
  const path = `/api/v1/live${writeSearch({ filter, columns, archived, spark })}`;
  useEvents(
    path,
    {
      runs: (data) => {
        const { runs, gone } = data as News;
        const before = client.getQueryData<RunList>(key);
        if (!before) return;
        const known = new Map(runs.map((run) => [run.name, run as RunRow]));
        const isOther =
          gone.length > 0 || runs.some((run) => !before.runs.some((one) => one.name === run.name));
        client.setQueryData<RunList>(key, {
          ...before,
          runs: before.runs.map((run) => known.get(run.name) ?? run),
        });
        if (isOther) void client.invalidateQueries({ queryKey: key });
      },
    },
    () => void client.invalidateQueries({ queryKey: key }),
  );
}
