/** What people say of runs: tags, notes, groups, pinned and archived; each change can be taken back. */
import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { answer, api } from './client';
import type { components } from './schema';

export type Patch = Partial<components['schemas']['RunsPatch']> & { names: string[] };
type Edited = components['schemas']['RunsEdited'];

async function patch(asked: Patch): Promise<Edited> {
  const body = { add_tags: [], remove_tags: [], set: {}, ...asked };
  return answer<Edited>(api.PATCH('/api/v1/runs', { body }));
}

async function again(client: QueryClient): Promise<void> {
  await Promise.all([
    client.invalidateQueries({ queryKey: ['runs'] }),
    client.invalidateQueries({ queryKey: ['run'] }),
  ]);
}

/** Change runs: `edit.mutate({ names, set: { archived: true } , said: '3 runs are archived' })`; what was said has an undo. */
export function useEdit() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ said: _, ...asked }: Patch & { said: string }) => patch(asked),
    onSuccess: async (edited, { said }) => {
      tell(said, () => {
        void Promise.all(edited.undo.map(patch)).then(() => again(client), tellFailure);
      });
      await again(client);
    },
    onError: tellFailure,
  });
}
