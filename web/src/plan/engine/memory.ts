/** Memory of a rank over one step, moment by moment, as `whet.plan.memory` walks through it. */
import type { Moment } from '../forms';
import { type LayerMemory, type Measured, measured, type Stretch, type Turn } from './architecture';
import { type Sizes, total } from './formulas';
import { type Job, itemOf, learnedOf, microBatches, modeOf, sizesOf, weightsOf } from './job';
import { cutOf, ranksOf, shardsOf } from './mesh';
import type { Tensor } from './model';
import { momentOf, peakOf } from './moments';
import { stateBytes } from './optimizers';
import { spread } from './sequence';
import { type Stage, stagesOf } from './stages';

export interface RankPlan {
  stage: Stage;
  moments: Moment[];
  peak: Moment;
  hostBytes: number;
}

/** The rank that takes most, of those of a pipeline. */
export function planned(job: Job): RankPlan {
  return stagesOf(job)
    .map((stage) => rankPlan(job, stage))
    .reduce((most, one) => (one.peak.total > most.peak.total ? one : most));
}

function rankPlan(job: Job, stage: Stage): RankPlan {
  const constant = constants(job, stage);
  const moments = walked(job, stage, constant);
  return { stage, moments, peak: peakOf(moments), hostBytes: constant.hostBytes };
}

/** Bytes of a rank that do not change within a step: `kept` is the part of made gradients that stays here, `had` those
 *  of other micro-batches, `whole` and `buffer` gathered weights, `unpacked` a packed matrix as it is multiplied. */
interface Constant {
  turn: Turn;
  weights: number;
  optimizer: number;
  gradients: number;
  kept: number;
  had: number;
  whole: number;
  buffer: number;
  unpacked: number;
  hostBytes: number;
}

function constants(job: Job, stage: Stage): Constant {
  const { mesh } = job;
  const isSharded = shardsOf(mesh) > 1;
  const isMore = microBatches(job) > 1;
  // Whole gradients of a layer are made for each micro-batch where they are then summed into shards.
  const isAdded = isMore && (!isSharded || mesh.zero === 1);
  const share = (one: Tensor) => shareOfStage(one, stage, job);
  const sum = (of: (one: Tensor) => number) => learned.reduce((bytes, one) => bytes + of(one), 0);
  const [held, learned] = [weightsOf(job), learnedOf(job)];
  const whole = sum((one) => one.numbers * share(one)) * itemOf(job);
  const shards = sum((one) => (one.numbers * share(one)) / cutOf(mesh, one.role)) * itemOf(job);
  const state = sum(
    (one) => (stateBytes(job.optimizer, job.state, one) * share(one)) / cutOf(mesh, one.role),
  );
  const own = held.reduce(
    (bytes, [one, item]) =>
      bytes + (item * one.numbers * share(one)) / (job.isPacked ? 1 : cutOf(mesh, one.role)),
    job.isWhole ? 0 : shards,
  );
  const [ends, buffer] = isSharded && !job.isPacked ? gathered(job, stage, held) : [0, 0];
  const found: Constant = {
    turn: isAdded ? 'more' : 'first',
    weights: own,
    optimizer: state * (1 - job.offload),
    gradients: shards,
    // Of gradients as they are made, what is left of them here: shards, but where ranks sum them once a step.
    kept: whole && !isAdded ? shards / whole : 1,
    had: isMore ? (isAdded ? whole : shards) : 0,
    whole: ends,
    buffer,
    unpacked: job.isPacked
      ? Math.max(...held.map(([one]) => (one.layer === null ? 0 : (2 * one.numbers) / one.times)))
      : 0,
    hostBytes: state * job.offload,
  };
  if (!job.onHost) return found;
  // Shards, with their gradients and state.
  return {
    ...found,
    hostBytes: own + shards + state,
    weights: 0,
    gradients: 0,
    optimizer: 0,
    kept: 0,
    had: 0,
  };
}

/** Of tensors like this how many, of those that there are, this stage has. */
function shareOfStage(one: Tensor, stage: Stage, { model }: Job): number {
  if (one.layer !== null)
    return (
      stage.layers.filter((number) => model.layers[number] === one.layer).length / Math.max(one.times, 1)
    );
  if (one.role === 'embedding') return Number(stage.isFirst || (stage.isLast && model.isTied));
  return Number(stage.isLast);
}

/** Whole weights on this rank: those that stay through forward and backward, and the largest layer. */
function gathered(job: Job, stage: Stage, held: readonly (readonly [Tensor, number])[]): [number, number] {
  let ends = 0;
  const layers = new Map<string, number>(job.model.layers.map((kind) => [kind, 0]));
  for (const [one, item] of held) {
    const bytes = item * one.numbers * shareOfStage(one, stage, job);
    if (one.layer === null) ends += bytes;
    else layers.set(one.layer, (layers.get(one.layer) ?? 0) + bytes);
  }
  const count = (kind: string) =>
    Math.max(1, stage.layers.filter((number) => job.model.layers[number] === kind).length);
  const all = [...layers.values()].reduce((bytes, one) => bytes + one, 0);
  const largest = Math.max(...[...layers].map(([kind, bytes]) => bytes / count(kind)));
  return [ends + (job.mesh.zero < 3 ? all : 0), largest];
}

function walked(job: Job, stage: Stage, rank: Constant): Moment[] {
  const { model, mesh, card, assumed } = job;
  const sizes = sizesOf(job);
  const step = model.architecture.memory[modeOf(job)];
  if (!step) throw new Error(`${modeOf(job)} was not traced of ${model.architecture.model_type}`);
  const at = { card, ranks: ranksOf(mesh), assumed, measured: job.measured };
  const of = memory(sizes);
  const layer = layersOf(job, step.layers);
  const moments: Moment[] = [];
  let [held, made] = [0, 0];
  const saved = stage.layers.reduce(
    (bytes, number) => bytes + of(layer(number).forward).left - total(layer(number).dropped, sizes),
    0,
  );
  const queued = Math.max(0, stage.inFlight - 1) * saved;
  const note = (phase: string, what: string, one: Measured) => {
    const now = held + queued;
    const parts = {
      weights: rank.weights,
      optimizer: rank.optimizer,
      gathered: rank.whole + (mesh.zero === 3 && phase !== 'loss' ? 2 : 1) * rank.buffer,
      gradients: rank.had + made + one.gradients * rank.kept,
      activations: Math.max(now, 0),
      working: one.high + Math.min(now, 0) + one.gradients * (1 - rank.kept) + rank.unpacked,
    };
    moments.push(momentOf(phase, what, parts, at));
  };
  const still = (phase: string, gradients: number) =>
    moments.push(momentOf(phase, '', { weights: rank.weights, optimizer: rank.optimizer, gradients }, at));
  const back = (phase: string, what: string, one: Measured) => {
    note(phase, what, one);
    held += one.left;
    made += one.made * rank.kept;
  };
  if (stage.isFirst) note('forward', 'embedding', of(step.before));
  held += of(step.before).left;
  for (const number of stage.layers) {
    note('forward', `layer ${number}`, of(layer(number).forward));
    held += of(layer(number).forward).left;
  }
  if (stage.isLast) back('loss', '', of(step.head[rank.turn]));
  for (const number of stage.layers) held -= total(layer(number).dropped, sizes);
  for (const number of [...stage.layers].reverse())
    back('backward', `layer ${number}`, of(layer(number)[rank.turn]));
  if (stage.isFirst) note('backward', 'embedding', of(step.after[rank.turn]));
  still('step', rank.gradients);
  still('save', 0);
  return moments;
}

/** What was traced of the layer of a number. */
function layersOf(job: Job, layers: Readonly<Record<string, LayerMemory>>) {
  const kinds = job.model.layers;
  const known = new Map<string, LayerMemory>();
  return (number: number): LayerMemory => {
    const kind = kinds[number] ?? '';
    const found = number === 0 && layers.first ? layers.first : layers[kind];
    if (!found) throw new Error(`${kind} was not traced`);
    if (!job.mesh.sequence || job.mesh.tensor === 1) return found;
    const [isFirst, isLast] = [number === 0, number === kinds.length - 1];
    const place = `${kind} ${isFirst} ${isLast}`;
    const own = known.get(place) ?? spread(found, job, isFirst, isLast);
    known.set(place, own);
    return own;
  };
}

/** What stretches take; layers of one kind share theirs. */
function memory(sizes: Sizes) {
  const known = new Map<Stretch, Measured>();
  return (stretch: Stretch): Measured => {
    const found = known.get(stretch) ?? measured(stretch, sizes);
    known.set(stretch, found);
    return found;
  };
}
