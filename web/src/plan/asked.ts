/** What the screen asks, as it stands in the address; and the command that gives the same. */
import { quoted } from '~/shared/command/Command';
import type { Search } from '~/shared/url/search';
import type { Card, Choices } from './forms';

export const MODES = ['full', 'lora', 'qlora', 'serve'] as const;
export type Mode = (typeof MODES)[number];

/** Optimizers that there are to choose from. */
export const OPTIMIZERS = [
  'adamw', 'adam-mini', 'adafactor', 'lion', 'muon', 'sgd', 'galore', 'apollo',
] as const; // prettier-ignore

/** How a model is trained or served, beside what sliders change; the names are those of the engine. */
export interface How {
  mode: Mode;
  gpus: number;
  precision: 'bf16' | 'bf16-pure' | 'fp32';
  optimizer: (typeof OPTIMIZERS)[number];
  state: 'fp32' | '8bit';
  recompute: boolean;
  weights: 'bf16' | 'int8' | 'nf4';
  cache: 'bf16' | 'fp8';
}

export interface Asked extends How {
  model: string;
  gpu: string;
  length: number;
  samples: number;
  users: number;
}

/** The text of a config.json that was pasted, by which a model is asked about instead. */
export const PASTED = 'config.json';

const START: Asked = {
  model: 'llama-3.1-8b', gpu: 'rtx-4090', mode: 'qlora', gpus: 1, precision: 'bf16', optimizer: 'adamw',
  state: 'fp32', recompute: true, weights: 'bf16', cache: 'bf16', length: 2048, samples: 1, users: 8,
}; // prettier-ignore

const CHOICES: Partial<Record<keyof Asked, readonly string[]>> = {
  mode: MODES,
  optimizer: OPTIMIZERS,
  precision: ['bf16', 'bf16-pure', 'fp32'],
  state: ['fp32', '8bit'],
  weights: ['bf16', 'int8', 'nf4'],
  cache: ['bf16', 'fp8'],
};

/** What the address asks; whatever it does not say, or says wrongly, is as at the start. */
export function askedOf(address: Search): Asked {
  const text = <K extends keyof Asked>(name: K): Asked[K] => {
    const given = address[name];
    const isOne = given !== undefined && given !== '' && (CHOICES[name]?.includes(given) ?? true);
    return (isOne ? given : START[name]) as Asked[K];
  };
  const whole = (name: 'gpus' | 'length' | 'samples' | 'users') => {
    const given = Number(address[name]);
    return Number.isInteger(given) && given > 0 && given <= 2 ** 24 ? given : START[name];
  };
  return {
    model: text('model'), gpu: text('gpu'), mode: text('mode'), precision: text('precision'),
    optimizer: text('optimizer'), state: text('state'), weights: text('weights'), cache: text('cache'), recompute: address.recompute !== 'no', gpus: whole('gpus'),
    length: whole('length'), samples: whole('samples'), users: whole('users'),
  }; // prettier-ignore
}

/** A change as the address has it: what is as at the start stands in no address. */
export function addressOf(change: Partial<Asked>): Search {
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => {
      if (name === 'recompute') return [name, value ? undefined : 'no'];
      return [name, value === START[name as keyof Asked] ? undefined : String(value)];
    }),
  );
}

/** The command that prints the same plan. */
export function commandOf(asked: Asked, card: Card, words: Choices['words'], precision?: string): string {
  const [isServed, isShared] = [asked.mode === 'serve', asked.gpus > 1];
  const parts = ['whet plan', quoted(asked.model), ...(words[asked.mode] ?? [])];
  parts.push(...(isServed ? servingSettings(asked) : trainingSettings(asked, card, precision)));
  parts.push(`--gpu ${quoted(asked.gpu)}`, `--length ${asked.length}`);
  if (isShared) parts.push(`--gpus ${asked.gpus}`, `--mesh ${isServed ? 'tensor' : 'shard'}=${asked.gpus}`);
  if (isServed) parts.push(`--concurrency ${asked.users}`);
  if (isServed && asked.cache === 'fp8') parts.push('--kv-cache-dtype fp8');
  return parts.join(' ');
}

function servingSettings(asked: Asked): string[] {
  return asked.weights === 'bf16' ? [] : [`model.quantize=${asked.weights}`];
}

function trainingSettings(asked: Asked, card: Card, precision = asked.precision as string): string[] {
  const parts = [`train.micro_batch=${asked.length * asked.samples}`];
  if (precision !== (card.device === 'cuda' ? 'bf16' : 'fp32')) parts.push(`train.precision=${precision}`);
  if (asked.recompute) parts.push('train.recompute=true');
  if (asked.optimizer !== START.optimizer) parts.push(`optimizer=${quoted(asked.optimizer)}`);
  if (asked.state !== 'fp32') parts.push(`optimizer.state=${asked.state}`);
  return parts;
}
