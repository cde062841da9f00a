/** Requests of a run: the list, one of them whole, and how they drift. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type RequestList = Answered<'/api/v1/runs/{run}/requests'>;
export type Row = RequestList['requests'][number];
export type Page = Answered<'/api/v1/runs/{run}/requests/{id}'>;
export type Part = Page['parts'][number];
export type Message = Page['asked'][number];
export type Drift = Answered<'/api/v1/runs/{run}/requests/drift'>;

export type Scores = Answered<'/api/v1/runs/{run}/requests/scores'>;

const SHOWN = 1000;
const AGAIN_MS = 5000;

/** The first of the requests that a filter takes, in an order. */
export function useRequests(run: string, filter: string, sort: string, isLive: boolean) {
  return useQuery({
    queryKey: ['run', run, 'requests', filter, sort],
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { filter, sort, limit: SHOWN } };
      return answer<RequestList>(api.GET('/api/v1/runs/{run}/requests', { params, signal }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? AGAIN_MS : false,
  });
}

export function useRequest(run: string, id: string) {
  return useQuery({
    queryKey: ['run', run, 'request', id],
    queryFn: ({ signal }) =>
      answer<Page>(api.GET('/api/v1/runs/{run}/requests/{id}', { params: { path: { run, id } }, signal })),
  });
}

export function useDrift(run: string, filter: string) {
  return useQuery({
    queryKey: ['run', run, 'drift', filter],
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { filter } };
      return answer<Drift>(api.GET('/api/v1/runs/{run}/requests/drift', { params, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

export function useScores(run: string, filter: string) {
  return useQuery({
    queryKey: ['run', run, 'scores', filter],
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { filter } };
      return answer<Scores>(api.GET('/api/v1/runs/{run}/requests/scores', { params, signal }));
    },
    placeholderData: keepPreviousData,
  });
}
