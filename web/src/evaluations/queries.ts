/** What was measured of a run: curves of held-out figures, and results of tasks. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type Page = Answered<'/api/v1/runs/{run}/evaluations'>;
export type Kept = Page['evaluations'][number];

const AGAIN_MS = 10_000;

export function useEvaluations(run: string, isLive: boolean) {
  return useQuery({
    queryKey: ['run', run, 'evaluations'],
    queryFn: ({ signal }) =>
      answer<Page>(api.GET('/api/v1/runs/{run}/evaluations', { params: { path: { run } }, signal })),
    refetchInterval: isLive ? AGAIN_MS : false,
  });
}
