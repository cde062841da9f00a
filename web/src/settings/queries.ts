/** What settings ask of the server: people, keys, the audit log. */
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, api } from '~/shared/api/client';
import type { Role } from '~/shared/api/session';

export interface Person {
  name: string;
  is_active: boolean;
  made: number;
  roles: Readonly<Record<string, Role>>;
}

export interface Key {
  id: number;
  label: string;
  person: string;
  role: Role;
  made: number;
  seen: number | null;
}

export interface Entry {
  id: number;
  time: number;
  person: string;
  address: string;
  action: string;
  status: number;
}

const PAGE = 100;

export function usePeople() {
  return useQuery({
    queryKey: ['users'],
    queryFn: ({ signal }) => answer<{ users: Person[] }>(api.GET('/api/v1/users', { signal })),
  });
}

export function useKeys() {
  return useQuery({
    queryKey: ['keys'],
    queryFn: ({ signal }) => answer<{ keys: Key[] }>(api.GET('/api/v1/keys', { signal })),
  });
}

/** The audit log by pages, the latest first. */
export function useAudit() {
  return useInfiniteQuery({
    queryKey: ['audit'],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) =>
      answer<{ entries: Entry[] }>(
        api.GET('/api/v1/audit', { params: { query: { limit: PAGE, before: pageParam } }, signal }),
      ),
    getNextPageParam: (page) => (page.entries.length < PAGE ? null : (page.entries.at(-1)?.id ?? null)),
  });
}

/** Changes; each lets what it has changed be asked for anew. */
export function useChanges() {
  const cache = useQueryClient();
  const doing = async <T>(key: string, call: Promise<T>): Promise<T> => {
    const found = await call;
    await cache.invalidateQueries({ queryKey: [key] });
    return found;
  };
  return {
    add: (name: string, role: string, project: string) =>
      doing(
        'users',
        answer<{ invitation: string }>(api.POST('/api/v1/users', { body: { name, role, project } })),
      ),
    invite: (name: string) =>
      doing(
        'users',
        answer<{ invitation: string }>(
          api.POST('/api/v1/users/{name}/invitation', { params: { path: { name } } }),
        ),
      ),
    give: (name: string, role: string, project: string) =>
      doing(
        'users',
        answer(api.PUT('/api/v1/users/{name}/role', { params: { path: { name } }, body: { role, project } })),
      ),
    removePerson: (name: string) =>
      doing('users', answer(api.DELETE('/api/v1/users/{name}', { params: { path: { name } } }))),
    makeKey: (label: string, role: string) =>
      doing('keys', answer<{ key: string }>(api.POST('/api/v1/keys', { body: { label, role } }))),
    removeKey: (id: number) =>
      doing('keys', answer(api.DELETE('/api/v1/keys/{id}', { params: { path: { id } } }))),
  };
}
