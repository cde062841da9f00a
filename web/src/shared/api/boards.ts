/** Boards: tasks with fixed settings, and the runs that were entered for them. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, api } from './client';
import type { Numeric } from './numbers';

export interface BoardCurve {
  first: number[];
  last: number[];
  low: Numeric[];
  high: Numeric[];
  mean: Numeric[];
}

export interface Entry {
  run: string;
  by: string;
  note: string;
  entered: number;
  score: number;
  step: number | null;
  duration_s: number;
  energy_j: number | null;
  cost: number | null;
  hardware: string;
  command: string;
  commit: string;
  config: Record<string, unknown>;
  curves: Record<string, BoardCurve>;
}

/** Entries stand the best first. */
export interface Board {
  id: string;
  title: string;
  about: string;
  metric: string;
  is_lower_better: boolean;
  frozen: Record<string, unknown>;
  curves: string[];
  made: number;
  entries: Entry[];
}

export function useBoards() {
  return useQuery({
    queryKey: ['boards'],
    queryFn: ({ signal }) => answer<Board[]>(api.GET('/api/v1/boards', { signal })),
  });
}

export function useBoard(id: string) {
  return useQuery({
    queryKey: ['board', id],
    queryFn: ({ signal }) =>
      answer<Board>(api.GET('/api/v1/boards/{id}', { params: { path: { id } }, signal })),
  });
}

export interface Asked {
  title: string;
  about: string;
  metric: string;
  is_lower_better: boolean;
  curves: string[];
  /** A run, and names of its settings that every entry has to have. */
  like: string;
  settings: string[];
}

/** Making a board. */
export function useMaking() {
  const cache = useQueryClient();
  return async (id: string, asked: Asked) => {
    const body = { ...asked, frozen: {} };
    const made = answer<Board>(api.POST('/api/v1/boards/{id}', { params: { path: { id } }, body }));
    cache.setQueryData(['board', id], await made);
    await cache.invalidateQueries({ queryKey: ['boards'] });
  };
}

/** Entering a run, and taking an entry away. */
export function useEntering(id: string) {
  const cache = useQueryClient();
  const kept = async (call: Promise<Board>) => {
    cache.setQueryData(['board', id], await call);
    await cache.invalidateQueries({ queryKey: ['boards'] });
  };
  return {
    enter: (run: string, note: string) =>
      kept(
        answer<Board>(
          api.POST('/api/v1/boards/{id}/entries', { params: { path: { id } }, body: { run, note } }),
        ),
      ),
    withdraw: (run: string) =>
      kept(answer<Board>(api.DELETE('/api/v1/boards/{id}/entries/{run}', { params: { path: { id, run } } }))),
  };
}
