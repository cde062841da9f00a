/** Reports as the server keeps them. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, api } from '~/shared/api/client';
import type { Content, Frozen, Report } from './frozen';

export function useReports() {
  return useQuery({
    queryKey: ['reports'],
    queryFn: ({ signal }) => answer<Report[]>(api.GET('/api/v1/reports', { signal })),
  });
}

/** A report with what it shows now; while its runs run, what it shows is asked for again. */
export function useShown(id: string) {
  return useQuery({
    queryKey: ['report', id],
    queryFn: ({ signal }) =>
      answer<Frozen>(api.GET('/api/v1/reports/{id}/shown', { params: { path: { id } }, signal })),
    refetchInterval: 15_000,
  });
}

/** Making, changing and removing reports. */
export function useWriting() {
  const cache = useQueryClient();
  const again = () =>
    cache.invalidateQueries({ predicate: ({ queryKey }) => /^reports?$/.test(String(queryKey[0])) });
  return {
    make: async (content: Content) => {
      const made = await answer<Report>(api.POST('/api/v1/reports', { body: content as never }));
      await again();
      return made;
    },
    change: async (id: string, content: Content, version: number) => {
      const body = { ...content, version } as never;
      const changed = await answer<Report>(
        api.PUT('/api/v1/reports/{id}', { params: { path: { id } }, body }),
      );
      await again();
      return changed;
    },
    remove: async (id: string) => {
      await answer(api.DELETE('/api/v1/reports/{id}', { params: { path: { id } } }));
      cache.removeQueries({ queryKey: ['report', id] });
      await again();
    },
  };
}
