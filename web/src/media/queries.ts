/** What was logged beside numbers, and what stands in its files. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { type Answered, ApiError, Offline, answer, api } from '~/shared/api/client';
import { fileOf } from '~/shared/api/files';

export type Medium = Answered<'/api/v1/runs/{run}/media'>['media'][number];
export type Entry = Medium['entries'][number];

const AGAIN_MS = 5_000;

/** The media of runs, in their order; what a live one logs comes. */
export function useMedia(runs: readonly string[], isLive: boolean) {
  return useQueries({
    queries: runs.map((run) => ({
      queryKey: ['run', run, 'media'],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        answer<Answered<'/api/v1/runs/{run}/media'>>(
          api.GET('/api/v1/runs/{run}/media', { params: { path: { run } }, signal }),
        ),
      refetchInterval: isLive ? AGAIN_MS : (false as const),
    })),
  });
}

/** The text of a file of a run. */
export const useText = (run: string, path: string) => useFile(run, path, 'text', (got) => got.text());

/** The bytes of a file of a run. */
export const useBytes = (run: string, path: string) =>
  useFile(run, path, 'bytes', (got) => got.arrayBuffer());

/** Files are named by what is in them: one that was read stays as it is. */
function useFile<T>(run: string, path: string, as: string, read: (got: Response) => Promise<T>) {
  return useQuery({
    queryKey: ['run', run, 'file', path, as],
    queryFn: async ({ signal }) => {
      const got = await fetch(fileOf(run, path), { signal }).catch(() => {
        throw new Offline();
      });
      if (!got.ok) throw new ApiError('FILE', `HTTP ${got.status}`, '', path, got.status);
      return read(got);
    },
    staleTime: Infinity,
  });
}
