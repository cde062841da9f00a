/** The mesh of a run on several ranks: what it asks, and how a rank is called by its place. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type MeshPage = Answered<'/api/v1/runs/{run}/mesh'>;

export function useMesh(run: string) {
  return useQuery({
    queryKey: ['run', run, 'mesh'],
    queryFn: ({ signal }) =>
      answer<MeshPage>(api.GET('/api/v1/runs/{run}/mesh', { params: { path: { run } }, signal })),
    staleTime: 60_000,
  });
}

/** `3 (shard 1, tensor 1)`; of a mesh of one axis the number alone, which is the place. */
export function placed(rank: number, mesh: MeshPage | undefined): string {
  const place = mesh?.ranks.find((one) => one.rank === rank)?.place ?? {};
  const axes = Object.entries(place).filter(([axis]) => (mesh?.sizes[axis] ?? 1) > 1);
  return axes.length > 1 ? `${rank} (${axes.map(([axis, at]) => `${axis} ${at}`).join(', ')})` : String(rank);
}

/** In how many pieces the axes that cut a weight cut it. */
export function piecesOf(
  cut: Readonly<Record<string, number>>,
  sizes: Readonly<Record<string, number>>,
): number {
  const ranks = (...axes: string[]) => axes.reduce((product, axis) => product * (sizes[axis] ?? 1), 1);
  // What cuts over several axes of the mesh at once: FSDP, FSDP of experts, and what deals experts out.
  const sized: Readonly<Record<string, number>> = {
    ...sizes,
    fsdp: ranks('shard', 'context', 'expert'),
    part: ranks('shard', 'context'),
    model: ranks('expert', 'tensor'),
  };
  return Object.keys(cut).reduce((pieces, axis) => pieces * (sized[axis] ?? 1), 1);
}
