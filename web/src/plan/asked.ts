/** What the screen asks, as it stands in the address; and the command that gives the same. */
import { quoted } from '~/shared/command/Command';
import type { Search } from '~/shared/url/search';
import { AXES, axesOf, type Mesh } from './engine/mesh';
import type { Card, Choices } from './forms';

export const MODES = ['full', 'lora', 'qlora', 'serve'] as const;
export type Mode = (typeof MODES)[number];

/** Optimizers that there are to choose from. */
export const OPTIMIZERS = [
  'adamw', 'adam-mini', 'adafactor', 'lion', 'muon', 'sgd', 'galore', 'apollo',
] as const; // prettier-ignore

/** What is computed again in the backward pass. */
export const RECOMPUTES = ['none', 'selective', 'full'] as const;

export interface Asked {
  model: string;
  /** A config.json that was pasted, in place of a known model: what a plan reads of it. */
  config: string;
  gpu: string;
  mode: Mode;
  gpus: number;
  tensor: number;
  pipeline: number;
  context: number;
  expert: number;
  replicate: number;
  zero: number;
  sequence: boolean;
  precision: 'bf16' | 'bf16-pure' | 'fp32';
  optimizer: (typeof OPTIMIZERS)[number];
  state: 'fp32' | '8bit';
  rank: number;
  recompute: (typeof RECOMPUTES)[number];
  /** The share of the optimizer's state that lies on the host, in percent; whether weights and activations do. */
  offload: number;
  hostWeights: boolean;
  hostActivations: boolean;
  weights: 'bf16' | 'int8' | 'nf4';
  cache: 'bf16' | 'fp8';
  length: number;
  samples: number;
  users: number;
}

/** What a model is called whose config.json was pasted. */
export const PASTED = 'config.json';
export const MOST_CARDS = 2 ** 20;

const START: Asked = {
  model: 'llama-3.1-8b', config: '', gpu: 'rtx-4090', mode: 'qlora', gpus: 1, tensor: 1, pipeline: 1, context: 1,
  expert: 1, replicate: 1, zero: 3, sequence: false, precision: 'bf16', optimizer: 'adamw', state: 'fp32', rank: 16,
  recompute: 'full', offload: 0, hostWeights: false, hostActivations: false, weights: 'bf16', cache: 'bf16',
  length: 2048, samples: 1, users: 8,
}; // prettier-ignore

const CHOICES: Partial<Record<keyof Asked, readonly string[]>> = {
  mode: MODES,
  optimizer: OPTIMIZERS,
  recompute: RECOMPUTES,
  precision: ['bf16', 'bf16-pure', 'fp32'],
  state: ['fp32', '8bit'],
  weights: ['bf16', 'int8', 'nf4'],
  cache: ['bf16', 'fp8'],
};
// The least and the most of each number.
const BOUNDS: Partial<Record<keyof Asked, readonly [number, number]>> = {
  gpus: [1, MOST_CARDS], tensor: [1, MOST_CARDS], pipeline: [1, MOST_CARDS], context: [1, MOST_CARDS],
  expert: [1, MOST_CARDS], replicate: [1, MOST_CARDS], zero: [1, 3], rank: [1, 8192], offload: [0, 100],
  length: [1, 2 ** 24], samples: [1, 2 ** 24], users: [1, 2 ** 24],
}; // prettier-ignore

/** What the address asks; whatever it does not say, or says wrongly, is as at the start. */
export function askedOf(address: Search): Asked {
  const read = (name: keyof Asked): unknown => {
    const [given, usual] = [address[name], START[name]];
    if (given === undefined || given === '') return usual;
    if (typeof usual === 'boolean') return given === 'yes';
    if (typeof usual === 'number') return within(name, Number(given)) ? Number(given) : usual;
    return (CHOICES[name]?.includes(given) ?? true) ? given : usual;
  };
  const names = Object.keys(START) as (keyof Asked)[];
  return Object.fromEntries(names.map((name) => [name, read(name)])) as unknown as Asked;
}

/** Whether a number can be asked for. */
export function within(name: keyof Asked, given: number): boolean {
  const [least, most] = BOUNDS[name] ?? [1, 2 ** 24];
  return Number.isInteger(given) && given >= least && given <= most;
}

export function boundsOf(name: keyof Asked): readonly [number, number] {
  return BOUNDS[name] ?? [1, 2 ** 24];
}

/** A change as the address has it: what is as at the start stands in no address. */
export function addressOf(change: Partial<Asked>): Search {
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => {
      if (value === START[name as keyof Asked]) return [name, undefined];
      return [name, typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)];
    }),
  );
}

/** The mesh that is asked for: cards that no axis takes share weights, or of a model that is served its heads. */
export function meshOf(asked: Asked): Mesh {
  const { tensor, pipeline, context, expert, replicate, zero, sequence, gpus } = asked;
  const isServed = asked.mode === 'serve';
  const taken = pipeline * expert * replicate * (isServed ? 1 : tensor * context);
  const left = Math.max(1, Math.floor(gpus / taken));
  if (isServed)
    return { pipeline, expert, replicate, context: 1, shard: 1, tensor: left, zero: 3, sequence: false };
  return { pipeline, replicate, shard: left, context, expert, tensor, zero, sequence };
}

/** The command that prints the same plan. */
export function commandOf(asked: Asked, card: Card, words: Choices['words'], isAlone = false): string {
  const isServed = asked.mode === 'serve';
  const parts = ['whet plan', quoted(asked.model), ...(words[asked.mode] ?? [])];
  parts.push(...(isServed ? servingSettings(asked) : trainingSettings(asked, card)));
  parts.push(`--gpu ${quoted(asked.gpu)}`, `--length ${asked.length}`, ...meshWords(asked));
  if (isServed) parts.push(`--concurrency ${asked.users}`);
  if (isServed && asked.cache === 'fp8') parts.push('--kv-cache-dtype fp8');
  // Finished runs of the machine on which it is typed are none of this page's.
  if (isAlone && !isServed) parts.push('--unmeasured');
  return parts.join(' ');
}

/** `sequence` is a setting, and so are then the sizes that stand beside it. */
function meshWords(asked: Asked): string[] {
  const mesh = meshOf(asked);
  const sizes = axesOf(mesh).map(([axis, size]) => `${axis}=${size}`);
  if (asked.gpus === 1 && !sizes.length) return [];
  const words = [...(sizes.length ? sizes : ['shard=1']), ...(mesh.zero === 3 ? [] : [`zero=${mesh.zero}`])];
  if (!mesh.sequence) return [`--gpus ${asked.gpus}`, `--mesh ${words.join(' ')}`];
  return [...words.map((word) => `parallel.${word}`), 'parallel.sequence=true', `--gpus ${asked.gpus}`];
}

function servingSettings(asked: Asked): string[] {
  return asked.weights === 'bf16' ? [] : [`model.quantize=${asked.weights}`];
}

function trainingSettings(asked: Asked, card: Card): string[] {
  const parts = [`train.micro_batch=${asked.length * asked.samples}`];
  if (card.device === 'cuda' && asked.precision === 'bf16-pure') parts.push('train.precision=bf16-pure');
  if (asked.mode !== 'full' && asked.rank !== START.rank) parts.push(`tuner.rank=${asked.rank}`);
  if (asked.recompute === 'full') parts.push('train.recompute=true');
  if (asked.recompute === 'selective') parts.push('train.recompute=selective');
  if (asked.optimizer !== START.optimizer) parts.push(`optimizer=${quoted(asked.optimizer)}`);
  if (asked.state !== 'fp32') parts.push(`optimizer.state=${asked.state}`);
  if (asked.offload) parts.push(`train.offload.optimizer=${asked.offload / 100}`);
  if (asked.hostWeights) parts.push('train.offload.weights=true');
  if (asked.hostActivations) parts.push('train.offload.activations=true');
  return parts;
}

/** Axes of a mesh that can be typed: what they leave is shared out. */
export function typedAxes(mode: Mode): readonly (typeof AXES)[number][] {
  return AXES.filter((axis) =>
    mode === 'serve' ? ['pipeline', 'replicate', 'expert'].includes(axis) : axis !== 'shard',
  );
}
