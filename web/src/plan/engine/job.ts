/** What is planned: a model, how it is trained, and on what (`whet.plan.job`). */
import type { Assumed, Card } from '../forms';
import type { Calibration } from './calibration';
import type { Sizes } from './formulas';
import { type Mesh, ownSizes, readersOf } from './mesh';
import { type Model, type Tensor, tensorOf, tensorsOf } from './model';
import type { State } from './optimizers';

export interface Job {
  model: Model;
  card: Card;
  mesh: Mesh;
  assumed: Assumed;
  /** Tokens at once on a rank, and of the longest sample. */
  micro: number;
  length: number;
  precision: 'fp32' | 'bf16' | 'bf16-pure';
  isWhole: boolean;
  rank: number;
  optimizer: string;
  state: State;
  isPacked: boolean;
  recompute: boolean;
  /** The share of the optimizer's state that lies on the host; whether weights and gradients do too. */
  offload: number;
  onHost: boolean;
  measured: Calibration | null;
}

// Bytes of a trained number, and of one that is packed in nf4: codes, and their scales.
const ITEM = { fp32: 4, bf16: 4, 'bf16-pure': 2 } as const;
export const PACKED: Readonly<Record<string, number>> = { nf4: 0.5 + 1 / 64 + 4 / (64 * 256), int8: 1 };

export function itemOf(job: Job): number {
  return ITEM[job.precision];
}

/** The name under which this way of training was traced. */
export function modeOf(job: Job): string {
  const tied = job.isWhole && job.model.isTied;
  return [job.precision, job.isWhole ? 'full' : 'lora', job.recompute && 'recompute', tied && 'tied']
    .filter(Boolean)
    .join(' ');
}

/** Micro-batches of a step on a rank. */
export function microBatches(job: Pick<Job, 'micro' | 'mesh' | 'assumed'>): number {
  return Math.max(1, Math.ceil(job.assumed.batch_tokens / (job.micro * readersOf(job.mesh))));
}

/** All that formulas ask for, as one rank has it. */
export function sizesOf(job: Job): Sizes {
  const { card, assumed, micro } = job;
  const seen = card.device === 'cpu' ? Math.min(job.length, micro) : 0;
  const own = ownSizes(job.mesh, { ...job.model.sizes, tokens: micro, trained: micro, seen });
  const most = assumed.logits_bytes[card.device] ?? assumed.logits_bytes.cuda ?? 2 ** 30;
  const rows = Math.max(1, Math.floor(most / Math.trunc((own.vocab_size ?? 1) * 4)));
  const trained = own.trained ?? 0;
  const chunks = Math.max(1, Math.ceil(trained / rows));
  return { ...own, chunk: Math.ceil(trained / chunks), rank: job.rank };
}

/** The model's own weights that a rank holds before sharding, each with its bytes a number. */
export function weightsOf(job: Job): (readonly [Tensor, number])[] {
  const item = !job.isWhole && job.precision === 'bf16' ? 2 : itemOf(job);
  return tensorsOf(job.model, sizesOf(job)).map((one) => {
    const packs = job.isPacked && one.layer !== null && (one.role === 'matrix' || one.role === 'expert');
    return [one, packs ? (PACKED.nf4 ?? 1) : item];
  });
}

/** What gradients are made for: all weights, or the two matrices of each adapter. */
export function learnedOf(job: Job): Tensor[] {
  const all = weightsOf(job).map(([one]) => one);
  if (job.isWhole) return all;
  return all
    .filter((one) => job.model.architecture.adapted.includes(one.name))
    .flatMap(({ name, shape: [rows = 1, columns = 1], times, layer }) => [
      tensorOf(`${name}.A`, 'matrix', [job.rank, columns], times, layer),
      tensorOf(`${name}.B`, 'matrix', [rows, job.rank], times, layer),
    ]);
}
