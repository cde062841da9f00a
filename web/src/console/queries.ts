/** Pages of a rank's console. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type ConsolePage = Answered<'/api/v1/runs/{run}/console'>;
export type Line = ConsolePage['lines'][number];

export interface Place {
  rank: number;
  /** The line that the page begins with; null for the last ones. */
  start: number | null;
  /** The step that it begins with. */
  step: number | null;
  search: string;
}

export const LINES = 1000;
const AGAIN_MS = 2_000;

export function useConsole(run: string, place: Place, isLive: boolean) {
  const isEnd = place.start === null && place.step === null && !place.search;
  return useQuery({
    queryKey: ['run', run, 'console', place],
    queryFn: ({ signal }) => {
      const query = {
        rank: place.rank,
        limit: LINES,
        search: place.search || undefined,
        start: place.start ?? undefined,
        step: place.step ?? undefined,
      };
      return answer<ConsolePage>(
        api.GET('/api/v1/runs/{run}/console', { params: { path: { run }, query }, signal }),
      );
    },
    placeholderData: keepPreviousData,
    refetchInterval: isLive && isEnd ? AGAIN_MS : false,
  });
}
