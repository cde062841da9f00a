/** What a step learned from, and what the model answered. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type StepRows = Answered<'/api/v1/runs/{run}/steps/{step}/rows'>;
export type StepTokens = Answered<'/api/v1/runs/{run}/steps/{step}/tokens'>;
export type TokensOfRow = StepTokens['rows'][number];
export type Generations = Answered<'/api/v1/runs/{run}/generations'>;

const SHOWN = 200;

/** The rows of a step: at once as they were recorded, then with what stands in their sources, which takes longer. */
export function useRows(run: string, step: number) {
  const plain = useRowsAs(run, step, false);
  const texts = useRowsAs(run, step, true);
  return { ...(texts.data ? texts : plain), isReading: texts.isPending };
}

function useRowsAs(run: string, step: number, texts: boolean) {
  return useQuery({
    queryKey: ['run', run, 'rows', step, texts],
    queryFn: ({ signal }) => {
      const params = { path: { run, step }, query: { texts, limit: SHOWN } };
      return answer<StepRows>(api.GET('/api/v1/runs/{run}/steps/{step}/rows', { params, signal }));
    },
  });
}

export function useTokens(run: string, step: number) {
  return useQuery({
    queryKey: ['run', run, 'tokens', step],
    queryFn: ({ signal }) => {
      const params = { path: { run, step } };
      return answer<StepTokens>(api.GET('/api/v1/runs/{run}/steps/{step}/tokens', { params, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

export function useGenerations(run: string) {
  return useQuery({
    queryKey: ['run', run, 'generations'],
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { limit: 1000 } };
      return answer<Generations>(api.GET('/api/v1/runs/{run}/generations', { params, signal }));
    },
  });
}
