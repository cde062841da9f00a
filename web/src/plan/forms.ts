/** What the engine says of models and cards, and what is assumed of every card. */
import type { Config } from './engine/model';
import type { Schema } from '~/shared/form/schema';

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
  context: number | null;
  config: Config;
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
  /** Classes of models of which there are formulas. */
  traced: readonly string[];
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
