/** What the engine (`whet.plan.screen`) says of a model: closed forms in what sliders change, and what is assumed. */

import type { Schema } from '~/shared/form/schema';

/** Bytes by product: `{ "": 12, "tokens": 8, "seen*tokens": 4 }`. */
export type Terms = Readonly<Record<string, number>>;
/** Bytes of activations, and of gradients. */
export type Piece = readonly [Terms, Terms];

/** A part of a step: what it leaves in memory, and its high tides, above what was there. */
export interface Stretch {
  left: Piece;
  tides: readonly Piece[];
}

/** The parts of a step, by number. */
export interface Turn {
  before: number;
  forward: readonly number[];
  dropped: readonly number[];
  head: number;
  backward: readonly number[];
  after: number;
}

export interface Steps {
  first: Turn;
  more: Turn;
  stretches: readonly Stretch[];
  terms: readonly Terms[];
}

/** Bytes of a rank that do not change with tokens. */
export interface Constant {
  weights: number;
  optimizer: number;
  gradients: number;
  kept: number;
  had: number;
  whole: number;
  buffer: number;
  unpacked: number;
  turn: 'first' | 'more';
}

export interface Constants {
  ranks: number;
  one: Constant;
  more: Constant;
  speed: {
    flops: readonly [number, number];
    moved: number;
    weights: number;
    gradients: number;
    shards: number;
    is_packed: boolean;
    is_fp32: boolean;
  };
}

export interface ServingForms {
  ranks: number;
  weights: number;
  layers: readonly { count: number; a_token: number; window: number | null; fixed: number }[];
  block: number;
  chunk: number;
  a_row: number;
  a_logit_row: number;
  context: number | null;
  speed: {
    read: number;
    parameters: number;
    in_experts: number;
    experts: number;
    chosen: number;
    multiplied: number;
    width: number;
    is_fp32: boolean;
  };
}

export interface ModelFacts {
  name: string;
  model_type: string;
  parameters: number;
  active: number;
  layers: number;
  context: number | null;
  vocab: number;
}

export interface TrainingAnswer {
  kind: 'training';
  model: ModelFacts;
  precision: string;
  steps: Steps;
  constants: Constants;
}

export interface ServingAnswer {
  kind: 'serving';
  model: ModelFacts;
  serving: ServingForms;
}

export type Forms = TrainingAnswer | ServingAnswer;

export interface Card {
  name: string;
  kind: string;
  vendor: string;
  device: string;
  usable_bytes: number;
  figures: Readonly<Record<string, number>>;
  how: string;
}

export interface KnownModel {
  name: string;
  short: string;
  parameters: number;
  has_experts: boolean;
  context: number | null;
}

/** Constants of the engine that no card tells. */
export interface Assumed {
  context_bytes: { cpu: number; card: number };
  collectives_bytes: number;
  fragmented: number;
  compute: number;
  memory: number;
  link: number;
  network_gbs: number;
  pcie_gbs: number;
  sum_s: number;
  step_s: number;
  batch_tokens: number;
  logits_bytes: Readonly<Record<string, number>>;
  components: readonly string[];
}

export interface Choices {
  models: readonly KnownModel[];
  cards: readonly Card[];
  gpus: readonly number[];
  words: Readonly<Record<string, readonly string[]>>;
  /** Optimizers whose state may be kept in another format. */
  narrowed: readonly string[];
  form: Schema;
  assumed: Assumed;
}

/** A part of a step at its highest: bytes by component. */
export interface Moment {
  phase: string;
  what: string;
  parts: Readonly<Record<string, number>>;
  total: number;
}
