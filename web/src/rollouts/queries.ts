/** What was answered in rollouts, with what each reward said. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type Page = Answered<'/api/v1/runs/{run}/rollouts'>;
export type Rollout = Page['rollouts'][number];
export type Answer = Rollout['answers'][number];
export type Message = Rollout['prompt'][number];

const SHOWN = 20;
const FOUND = 200;
const AGAIN_MS = 10_000;

/** Rollouts of a step, or those of all steps that hold a text. */
export function useRollouts(run: string, step: number | undefined, q: string, isLive: boolean) {
  return useQuery({
    queryKey: ['run', run, 'rollouts', step ?? '', q],
    queryFn: ({ signal }) => {
      const query = { step, q: q || undefined, limit: q ? FOUND : SHOWN };
      return answer<Page>(
        api.GET('/api/v1/runs/{run}/rollouts', { params: { path: { run }, query }, signal }),
      );
    },
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? AGAIN_MS : false,
  });
}
