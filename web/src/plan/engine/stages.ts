/** What each rank of a pipeline has: its layers, and micro-batches that wait in it (`whet.plan.stages`, in 1F1B). */
import { type Job, microBatches } from './job';
import { shareOf, tensorsOf } from './model';

export interface Stage {
  name: string;
  layers: readonly number[];
  isFirst: boolean;
  isLast: boolean;
  inFlight: number;
}

const runs = new Map<string, number[][]>();

export function stagesOf(job: Job): Stage[] {
  const { layers } = job.model;
  const ranks = job.mesh.pipeline;
  if (ranks === 1)
    return [{ name: '', layers: [...layers.keys()], isFirst: true, isLast: true, inFlight: 1 }];
  const [costs, head] = [
    costsOf(job),
    (job.model.sizes.vocab_size ?? 0) * (job.model.sizes.hidden_size ?? 0),
  ];
  const key = `${ranks} ${head} ${costs.join()}`;
  const cut = runs.get(key) ?? balanced(costs, ranks, head);
  runs.set(key, cut);
  return cut.map((own, rank) => ({
    name: `stage ${rank}`,
    layers: own,
    isFirst: rank === 0,
    isLast: rank === ranks - 1,
    inFlight: Math.min(ranks - rank, microBatches(job)),
  }));
}

/** Products a token of each layer: its matrices, and experts that a token meets. */
function costsOf({ model }: Job): number[] {
  const byKind: Record<string, number> = {};
  for (const one of tensorsOf(model))
    if (one.layer !== null && one.shape.length > 1)
      byKind[one.layer] = (byKind[one.layer] ?? 0) + (one.numbers / one.times) * shareOf(model, one.role);
  return model.layers.map((kind) => byKind[kind] ?? 0);
}

/** Layers cut into as many runs, whose largest cost is the least; of those as good, the end has fewer layers. */
function balanced(costs: readonly number[], stages: number, head: number): number[][] {
  const count = costs.length;
  const sums = [0];
  costs.forEach((one, index) => sums.push((sums[index] ?? 0) + one));
  let best = new Map<number, { most: number; starts: number[] }>([[0, { most: 0, starts: [] }]]);
  for (let stage = 0; stage < stages; stage += 1) {
    const next = new Map<number, { most: number; starts: number[] }>();
    for (let end = stage + 1; end <= count - (stages - stage - 1); end += 1)
      for (const [start, before] of best) {
        if (start >= end) continue;
        const cost = (sums[end] ?? 0) - (sums[start] ?? 0) + (stage === stages - 1 ? head : 0);
        const found = { most: Math.max(before.most, cost), starts: [...before.starts, start] };
        const known = next.get(end);
        if (
          !known ||
          found.most < known.most ||
          (found.most === known.most && isLater(found.starts, known.starts))
        )
          next.set(end, found);
      }
    best = next;
  }
  const starts = best.get(count)?.starts ?? [];
  return starts.map((start, index) =>
    Array.from({ length: (starts[index + 1] ?? count) - start }, (_, place) => start + place),
  );
}

function isLater(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((start, index) => start !== other[index]);
  return at >= 0 && (one[at] ?? 0) > (other[at] ?? 0);
}
