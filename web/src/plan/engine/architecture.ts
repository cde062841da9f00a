/** A class of models as it was traced: its weights' shapes, and the memory of its layers (`whet.plan.architecture`). */
import { type Sizes, type Terms, total } from './formulas';

/** Bytes of activations, and of gradients. */
export type Piece = readonly [Terms, Terms];

/** A part of a step: what it leaves in memory, and its high tides, above what was there. */
export interface Stretch {
  left: Piece;
  tides: readonly Piece[];
}

/** Whether gradients are made or added to. */
export type Turn = 'first' | 'more';
type ByTurn = Readonly<Record<Turn, Stretch>>;

export interface LayerMemory extends ByTurn {
  forward: Stretch;
  dropped: Terms;
}

export interface StepMemory {
  before: Stretch;
  layers: Readonly<Record<string, LayerMemory>>;
  head: ByTurn;
  after: ByTurn;
}

/** A weight: its name, its role, and the expression of each dimension. */
export type Weight = readonly [string, string, readonly string[]];

export interface Architecture {
  model_type: string;
  /** What sizes are called in a config. */
  names: Readonly<Record<string, string>>;
  tied: boolean;
  ends: readonly Weight[];
  layers: Readonly<Record<string, readonly Weight[]>>;
  /** Weights that adapters are put beside. */
  adapted: readonly string[];
  memory: Readonly<Record<string, StepMemory>>;
}

export interface Measured {
  left: number;
  made: number;
  high: number;
  gradients: number;
}

/** What a stretch leaves, and its highest tide. */
export function measured(stretch: Stretch, sizes: Sizes): Measured {
  const tides = stretch.tides.map((one) => [total(one[0], sizes), total(one[1], sizes)] as const);
  let [high, gradients] = tides[0] ?? [0, 0];
  for (const [acts, made] of tides) if (acts + made > high + gradients) [high, gradients] = [acts, made];
  return { left: total(stretch.left[0], sizes), made: total(stretch.left[1], sizes), high, gradients };
}

/** With pairs of tokens as what they are: those of one sample, of which one was traced. */
export function withPairs(told: Architecture): Architecture {
  return JSON.parse(JSON.stringify(told).replaceAll('tokens*tokens', 'tokens*seen')) as Architecture;
}
