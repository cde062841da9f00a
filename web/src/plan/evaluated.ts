/** What is asked, evaluated: moments, the peak, and how far each slider may go on the card. */
import { type Asked, meshOf } from './asked';
import type { Calibration } from './engine/calibration';
import { type Job, microBatches } from './engine/job';
import { planned } from './engine/memory';
import { checkMesh } from './engine/mesh';
import { hasExperts, type Model, refused } from './engine/model';
import { most, peakOf } from './engine/moments';
import { servedOf } from './engine/served';
import { checkServing, type Serving, servingMoments, servingSpeed } from './engine/serving';
import { speedOf } from './engine/speed';
import type { Card, Choices, Moment } from './forms';

export const MOST_SAMPLES = 1024;
export const MOST_USERS = 1 << 20;
export const LONGEST = 131_072;

/** What is asked about: a model, and what finished runs of its class say of the card that was asked for. */
export interface Subject {
  model: Model;
  measured: Calibration | null;
}

export type Task =
  | { kind: 'training'; model: Model; job: Job; samples: number }
  | { kind: 'serving'; model: Model; serving: Serving };

export interface Evaluated {
  moments: Moment[];
  peak: Moment;
  fits: boolean;
  /** The rank that takes most, where ranks differ. */
  stage: string;
  /** What a rank has in the host's memory. */
  hostBytes: number;
  /** Tokens a second, of all cards and conversations together; null where no rate is known. */
  tokensPerSecond: number | null;
  how: 'estimated' | 'measured' | 'measured alone';
  /** Where it is served, seconds to the first token of an answer. */
  first: number | null;
  /** Micro-batches of a step; of what is served 1. */
  times: number;
}

/** The task of what is asked. Raises what says, with a hint, why it cannot be planned. */
export function taskOf({ model, measured }: Subject, asked: Asked, card: Card, choices: Choices): Task {
  return asked.mode === 'serve'
    ? { kind: 'serving', model, serving: servingOf(model, asked, card, choices) }
    : { kind: 'training', model, job: jobOf(model, measured, asked, card, choices), samples: asked.samples };
}

function jobOf(model: Model, measured: Calibration | null, asked: Asked, card: Card, choices: Choices): Job {
  const isWhole = asked.mode === 'full';
  const isPacked = asked.mode === 'qlora';
  if (isPacked && card.vendor !== 'nvidia')
    throw refused(
      `weights in nf4 are multiplied on cards of NVIDIA, and ${card.name} is none`,
      'LoRA',
      'mode',
    );
  if (!isWhole && hasExperts(model))
    throw refused(
      `\`${model.name}\` has experts, and no formulas were traced of adapters beside them`,
      'train all weights, or take the command below: it takes a step of the run itself',
      'mode',
    );
  const mesh = meshOf(asked);
  checkMesh(mesh, model, asked.gpus, isPacked ? 'nf4' : null);
  const precision = asked.precision === 'fp32' ? 'bf16' : asked.precision;
  return {
    model, card, mesh, isWhole, isPacked, measured, assumed: choices.assumed, micro: asked.length * asked.samples,
    length: asked.length, precision: card.device === 'cuda' ? precision : 'fp32', rank: asked.rank,
    optimizer: asked.optimizer, state: choices.narrowed.includes(asked.optimizer) ? asked.state : 'fp32',
    recompute: asked.recompute === 'full', offload: asked.offload / 100, onHost: asked.hostWeights,
  }; // prettier-ignore
}

function servingOf(model: Model, asked: Asked, card: Card, { assumed }: Choices): Serving {
  const quantize = asked.weights === 'bf16' ? null : asked.weights;
  if (quantize !== null && card.vendor !== 'nvidia')
    throw refused(
      `packed weights are multiplied on cards of NVIDIA, and ${card.name} is none`,
      'bf16',
      'weights',
    );
  if (asked.cache === 'fp8' && card.figures.fp8 === undefined)
    throw refused(`${card.name} has no units for fp8`, 'bf16', 'cache');
  if (model.config.model_type !== model.architecture.model_type)
    throw refused(
      `the memory of a \`${String(model.config.model_type)}\` that answers was not traced`,
      'whet plan config.json --serve, which counts it on a model without values',
    );
  const dtype = card.kind === 'cpu' ? 'fp32' : card.figures.bf16 === undefined ? 'fp16' : 'bf16';
  const cacheDtype = asked.cache === 'bf16' ? dtype : asked.cache;
  const { length, users } = asked;
  const made = { card, mesh: meshOf(asked), assumed, length, users, dtype, quantize, cacheDtype } as const;
  const serving = { ...made, model: servedOf(model) };
  checkServing(serving, asked.gpus);
  return serving;
}

/** Whether no formulas tell of it: then a step of the run itself does, which the page cannot take. */
export function needsStep({ mode, recompute, hostActivations }: Asked): boolean {
  return mode !== 'serve' && (recompute === 'selective' || hostActivations);
}

export function evaluated(task: Task): Evaluated {
  const card = cardOf(task);
  if (task.kind === 'serving') {
    const moments = servingMoments(task.serving);
    const [peak, speed] = [peakOf(moments), servingSpeed(task.serving)];
    return {
      moments, peak, fits: peak.total <= card.usable_bytes, stage: '', hostBytes: 0, how: 'estimated', times: 1,
      tokensPerSecond: speed?.tokensPerSecond ?? null, first: speed?.first ?? null,
    }; // prettier-ignore
  }
  const { moments, peak, stage, hostBytes } = planned(task.job);
  const speed = speedOf(task.job);
  return {
    moments, peak, fits: peak.total <= card.usable_bytes, stage: stage.name, hostBytes, first: null,
    tokensPerSecond: speed?.tokensPerSecond ?? null, how: speed?.how ?? 'estimated', times: microBatches(task.job),
  }; // prettier-ignore
}

export function cardOf(task: Task): Card {
  return task.kind === 'serving' ? task.serving.card : task.job.card;
}

function peakBytes(task: Task): number {
  return task.kind === 'serving' ? peakOf(servingMoments(task.serving)).total : planned(task.job).peak.total;
}

/** How many samples at once, or conversations, fit with the length as it is; 0 where one does not. */
export function mostAtOnce(task: Task): number {
  const fits = (one: Task) => peakBytes(one) <= cardOf(task).usable_bytes;
  if (task.kind === 'serving')
    return most(1, MOST_USERS, (users) => fits({ ...task, serving: { ...task.serving, users } }));
  const { job } = task;
  return most(1, MOST_SAMPLES, (samples) => fits({ ...task, job: { ...job, micro: job.length * samples } }));
}

/** The most tokens of a sample or a conversation that fit, with as many at once; 0 where the shortest do not. */
export function longest(task: Task): number {
  const fits = (one: Task) => peakBytes(one) <= cardOf(task).usable_bytes;
  return most(16, task.model.context ?? LONGEST, (length) => {
    if (task.kind === 'serving') return fits({ ...task, serving: { ...task.serving, length } });
    return fits({ ...task, job: { ...task.job, length, micro: length * task.samples } });
  });
}
