/** What was logged beside numbers, and what stands in its files. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, ApiError, Offline, answer, api } from '~/shared/api/client';

export type Medium = Answered<'/api/v1/runs/{run}/media'>['media'][number];
export type Entry = Medium['entries'][number];

const AGAIN_MS = 5_000;

export function useMedia(run: string, isLive: boolean) {
  return useQuery({
    queryKey: ['run', run, 'media'],
    queryFn: ({ signal }) =>
      answer<Answered<'/api/v1/runs/{run}/media'>>(
        api.GET('/api/v1/runs/{run}/media', { params: { path: { run } }, signal }),
      ),
    refetchInterval: isLive ? AGAIN_MS : false,
  });
}

const placeOf = (run: string, door: 'files' | 'pages', path: string): string =>
  `/api/v1/runs/${encodeURIComponent(run)}/${door}/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Where a file of a run is read: media as what they are, all else as text. */
export const fileOf = (run: string, path: string): string => placeOf(run, 'files', path);

/** Where a page that was logged is shown as one: without scripts, and of no origin. */
export const pageOf = (run: string, path: string): string => placeOf(run, 'pages', path);

/** The text of a file of a run. Files are named by what is in them: one that was read stays as it is. */
export function useText(run: string, path: string) {
  return useQuery({
    queryKey: ['run', run, 'file', path],
    queryFn: async ({ signal }) => {
      const got = await fetch(fileOf(run, path), { signal }).catch(() => {
        throw new Offline();
      });
      if (!got.ok) throw new ApiError('FILE', `HTTP ${got.status}`, '', path, got.status);
      return got.text();
    },
    staleTime: Infinity,
  });
}
