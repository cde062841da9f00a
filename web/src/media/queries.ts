/** What was logged beside numbers, and what stands in its files. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { type Answered, ApiError, Offline, answer, api } from '~/shared/api/client';

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

const placeOf = (run: string, door: 'files' | 'pages', path: string): string =>
  `/api/v1/runs/${encodeURIComponent(run)}/${door}/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Where a file of a run is read: media as what they are, all else as text. */
export const fileOf = (run: string, path: string): string => placeOf(run, 'files', path);

/** Where a page that was logged is shown as one: without scripts, and of no origin. */
export const pageOf = (run: string, path: string): string => placeOf(run, 'pages', path);

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
