/** Who asks: the session of this browser, and the word that its changes are sent with. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, api } from './client';

export type Role = 'viewer' | 'editor' | 'admin';

/** On a server that is one person's `is_team` is false, and whoever is here may do everything. */
export interface Session {
  is_team: boolean;
  /** Null before somebody has signed in; empty for anyone on a public server. */
  person: string | null;
  /** By project; `*` is all of them. */
  roles: Readonly<Record<string, Role>>;
  word: string | null;
  has_oidc: boolean;
  /** The folder of runs, as whoever started the server has named it; null for others. */
  root: string | null;
}

let word: string | null = null;

api.use({
  onRequest: ({ request }) => {
    if (word && request.method !== 'GET') request.headers.set('X-Whet-Word', word);
    return request;
  },
});

async function read(signal?: AbortSignal): Promise<Session> {
  const found = await answer<Session>(api.GET('/api/v1/session', { signal }));
  word = found.word;
  return found;
}

/** The session; it is asked for anew after signing in or out. */
export function useSession() {
  return useQuery({ queryKey: ['session'], queryFn: ({ signal }) => read(signal), staleTime: 60_000 });
}

/** Signing in and out, and taking up an invitation. */
export function useSigning() {
  const cache = useQueryClient();
  const again = async () => {
    cache.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
    await cache.refetchQueries({ queryKey: ['session'] });
  };
  return {
    signIn: async (name: string, password: string) => {
      await answer(api.POST('/api/v1/session', { body: { name, password } }));
      await again();
    },
    accept: async (invitation: string, password: string) => {
      await answer(api.POST('/api/v1/invitation', { body: { invitation, password } }));
      await again();
    },
    signOut: async () => {
      await answer(api.DELETE('/api/v1/session'));
      word = null;
      await again();
    },
  };
}

/** Whether somebody may do something in a project: the higher one of their roles in it and in all. */
export function may(session: Session | undefined, role: Role, project = '*'): boolean {
  if (!session) return false;
  if (!session.is_team && session.person) return true;
  const rank: Record<Role, number> = { viewer: 1, editor: 2, admin: 3 };
  const held = [session.roles['*'], session.roles[project]].map((one) => (one ? rank[one] : 0));
  return Math.max(...held) >= rank[role];
}

/** Whether somebody is anyone at all on a public server: boards are all that there is to see. */
export function isStranger(session: Session | undefined): boolean {
  return session !== undefined && !session.is_team && !session.person;
}
