/** What a comparison asks of the server: what differs, and curves of all runs at once. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';
import type { Over } from '~/shared/api/run';
import type { Curve } from '~/shared/chart/curve';
import { unpacked } from './packed';

export type Comparison = Answered<'/api/v1/compare'>;
export type Evaluations = Answered<'/api/v1/compare/evaluations'>;

export const MOST_RUNS = 50;
// Live runs go on: what is seen of them is at most so old.
const AGAIN_MS = 10_000;
const BUCKETS = 500;

export function useComparison(runs: readonly string[], baseline: string) {
  return useQuery({
    queryKey: ['compare', runs, baseline],
    enabled: runs.length > 0,
    queryFn: ({ signal }) =>
      answer<Comparison>(
        api.GET('/api/v1/compare', { params: { query: { runs: runs.join(','), baseline } }, signal }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: AGAIN_MS,
  });
}

export function useEvaluations(runs: readonly string[], baseline: string) {
  return useQuery({
    queryKey: ['compare', 'evaluations', runs, baseline],
    queryFn: ({ signal }) =>
      answer<Evaluations>(
        api.GET('/api/v1/compare/evaluations', {
          params: { query: { runs: runs.join(','), baseline } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
}

/** One curve of every run that has it, by the run's name. */
export function useCurveOfRuns(runs: readonly string[], name: string, x: Over, isLive: boolean) {
  return useQuery({
    queryKey: ['curves', runs, name, x],
    queryFn: async ({ signal }) => {
      const query = { runs: runs.join(','), names: [name], most: BUCKETS, x };
      const call = api.GET('/api/v1/curves', { params: { query }, signal });
      const found = await answer<Answered<'/api/v1/curves'>>(call);
      const curves = new Map<string, Curve>();
      for (const [run, packed] of Object.entries(found.runs)) {
        const one = packed[name];
        if (one?.count) curves.set(run, unpacked(one));
      }
      return curves;
    },
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? AGAIN_MS : false,
    staleTime: 30_000,
  });
}
