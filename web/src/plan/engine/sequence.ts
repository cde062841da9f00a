/** What a layer keeps where ranks of `tensor` have some of the tokens each between matrices (`whet.plan.sequence`). */
import type { LayerMemory, Piece, Stretch } from './architecture';
import type { Terms } from './formulas';
import type { Job } from './job';

const STATES = 'tokens*hidden_size';
const BETWEEN = 2 / 3;
const GATHERED = { fp32: 1 / 6, bf16: 1 / 6, 'bf16-pure': 0 } as const;

export function spread(layer: LayerMemory, job: Job, isFirst: boolean, isLast: boolean): LayerMemory {
  const ranks = job.mesh.tensor;
  let gathered: number = GATHERED[job.precision];
  if (!job.recompute) gathered *= Number(!isLast) - Number(isFirst) / ranks;
  const inside = 1 - BETWEEN * (1 - 1 / ranks) + gathered;
  const kept = job.recompute ? 1 / ranks : inside;
  const own = (one: Stretch): Stretch => ({
    left: piece(one.left, kept),
    tides: one.tides.map((tide) => piece(tide, inside)),
  });
  return {
    forward: own(layer.forward),
    dropped: scaled(layer.dropped, kept),
    first: own(layer.first),
    more: own(layer.more),
  };
}

function piece([activations, gradients]: Piece, share: number): Piece {
  return [scaled(activations, share), gradients];
}

function scaled(terms: Terms, share: number): Terms {
  return Object.fromEntries(
    Object.entries(terms).map(([name, bytes]) => [name, name === STATES ? bytes * share : bytes]),
  );
}
