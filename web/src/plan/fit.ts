/** What the engine answers where it is asked for all ways to train a model on so many cards, as `whet fit --json` does. */
import { quoted } from '~/shared/command/Command';
import type { Asked } from './asked';
import type { Config } from './engine/model';
import type { Card } from './forms';

export interface Way {
  settings: readonly string[];
  learns: string;
  least_bytes: number;
  micro_batch: number;
  tokens_per_s: number | null;
}

export interface Found {
  chosen: Way | null;
  /** Ways that none that learns the same beats in both memory and speed. */
  front: readonly Way[];
  beaten: number;
  /** Of those that do not fit, by what they learn, the one that lacks least. */
  reasons: readonly { learns: string; ways: number; why_not: string }[];
  /** Meshes of so many cards, those that talk least first, until one fits. */
  meshes: readonly { mesh: string; why: string }[];
}

export interface FitQuestion {
  model: string;
  config: Config | null;
  gpu: string;
  gpus: number;
  length: number;
}

export function fitCommandOf(asked: Asked, card: Card): string {
  const on = asked.gpus > 1 ? [`--gpus ${asked.gpus}`] : [];
  return ['whet fit', quoted(asked.model), `--gpu ${card.name}`, ...on, `--length ${asked.length}`].join(' ');
}
