/** The graph of what a run was made of and what was made of it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type Graph = Answered<'/api/v1/runs/{run}/lineage'>;
export type Node = Graph['nodes'][number];

/** What is asked about: the whole run, a step of it, or a row of its data. */
export interface About {
  step?: number;
  source?: string;
  row?: number;
}

export function useLineage(run: string, about: About) {
  return useQuery({
    queryKey: ['run', run, 'lineage', about],
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: about };
      return answer<Graph>(api.GET('/api/v1/runs/{run}/lineage', { params, signal }));
    },
    placeholderData: keepPreviousData,
  });
}
