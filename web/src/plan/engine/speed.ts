/** How long a step takes, as `whet.plan.speed` has it: work, what ranks send, how stages wait, and the update. */
import type { Assumed, Card } from '../forms';
import { type Job, itemOf, learnedOf, microBatches, sizesOf, weightsOf } from './job';
import { type Mesh, meshName, ONE, ranksOf, readersOf, shardsOf } from './mesh';
import { shareOf, tensorsOf } from './model';
import { stateBytes } from './optimizers';

export interface Speed {
  tokensPerSecond: number;
  stepSeconds: number;
  /** Whether finished runs tell of it: on this mesh, or on one card, with what is sent estimated. */
  how: 'estimated' | 'measured' | 'measured alone';
}

/** What finished runs say, else the estimate; null for a card of which neither is known. */
export function speedOf(job: Job): Speed | null {
  const numbers = job.isPacked ? `${job.precision} nf4` : job.precision;
  const ratesOf = (mesh: string) =>
    job.measured?.rates.find((one) => one.numbers === numbers && one.mesh === mesh);
  const own = ratesOf(meshName(job.mesh));
  if (own) return timed(job, own.flops_per_s.value, paceOf(job, job.mesh), 'measured');
  const alone = job.card.kind === 'cpu' ? undefined : ratesOf(meshName(ONE));
  if (alone) return timed(job, alone.flops_per_s.value, paceOf(job, ONE), 'measured alone');
  const rate = rateOf(job.card, job.precision === 'fp32' ? ['fp32', 'tf32'] : ['bf16', 'fp16', 'fp32']);
  const bandwidth = job.card.figures.bandwidth_gbs;
  if (rate === undefined || bandwidth === undefined) return null;
  const { compute, memory } = job.assumed;
  return timed(job, rate * 1e12 * compute, bandwidth * 1e9 * memory, 'estimated');
}

/** Bytes that an update moves in a second: as runs had it, else at the pace of memory, or of the fastest update. */
function paceOf(job: Job, mesh: Mesh): number {
  const there = job.measured?.updates.filter((one) => one.mesh === meshName(mesh)) ?? [];
  const by = job.state === 'fp32' ? job.optimizer : `${job.optimizer} ${job.state}`;
  const kept = job.precision === 'bf16-pure' ? 'bf16' : 'fp32';
  const kind = `${by} of ${job.isWhole ? 'all' : 'lora'} weights in ${kept}`;
  const own = there.find((one) => one.update === kind);
  if (own) return own.bytes_per_s.value;
  const bandwidth = job.card.figures.bandwidth_gbs;
  if (bandwidth !== undefined) return bandwidth * 1e9 * job.assumed.memory;
  return Math.max(Number.EPSILON, ...there.map((one) => one.bytes_per_s.value));
}

function timed(job: Job, flops: number, bytes: number, how: Speed['how']): Speed {
  const { mesh } = job;
  const times = microBatches(job);
  const full = job.micro * times * readersOf(mesh);
  const asked = Math.max(job.assumed.batch_tokens, job.length);
  const tokens = readersOf(mesh) > 1 ? full : Math.min(full, asked);
  // Ranks of a processor share its cores.
  const devices = job.card.kind === 'cpu' ? 1 : ranksOf(mesh);
  const compute = (tokenFlops(job) * tokens) / (devices * flops);
  let seconds = compute + movedBytes(job) / bytes;
  if (how !== 'measured') {
    seconds += summing(job, times) + routing(job, times) + Math.max(0, sharing(job, times) - compute);
    seconds += (compute * (mesh.pipeline - 1)) / times;
  }
  return { tokensPerSecond: tokens / seconds, stepSeconds: seconds, how };
}

/** Operations for a token of a training step, on all ranks together. */
function tokenFlops({ model, length, isWhole, recompute }: Job): number {
  const { sizes } = model;
  const layers = tensorsOf(model)
    .filter((one) => one.layer !== null && one.shape.length > 1)
    .reduce((numbers, one) => numbers + one.numbers * shareOf(model, one.role), 0);
  const head = (sizes.vocab_size ?? 0) * (sizes.hidden_size ?? 0);
  const width = (sizes.num_attention_heads ?? 0) * (sizes.v_head_dim || (sizes.head_dim ?? 0));
  const seen = model.layers.length * length * width;
  const [passes, again] = [isWhole ? 3 : 2, Number(recompute)];
  return 2 * (layers * (passes + again) + head * passes) + 2 * seen * (3 + again);
}

/** What an update reads and writes on a rank: weights, gradients and state. */
function movedBytes(job: Job): number {
  const learned = learnedOf(job);
  const numbers = learned.reduce((all, one) => all + one.numbers, 0);
  const state = learned.reduce((bytes, one) => bytes + stateBytes(job.optimizer, job.state, one), 0);
  return (2 * (state + numbers * 2 * itemOf(job))) / shardsOf(job.mesh) / job.mesh.pipeline;
}

/** Seconds of the sums within layers: two forward and two backward, of a micro-batch's hidden states. */
function summing(job: Job, times: number): number {
  const parts = job.mesh.tensor;
  if (parts === 1) return 0;
  const item = job.precision === 'fp32' ? 4 : 2;
  const states = item * (sizesOf(job).tokens ?? 0) * (job.model.sizes.hidden_size ?? 0);
  const layers = job.model.layers.length / job.mesh.pipeline;
  const sums = 4 + 2 * Number(job.recompute);
  return (sums * layers * times * 2 * (parts - 1) * states) / parts / linkOf(job.card, parts, job.assumed);
}

/** Seconds of sending tokens to ranks that have their experts, and back, forward and backward. */
function routing(job: Job, times: number): number {
  const { mesh, model } = job;
  if (mesh.expert === 1) return 0;
  const item = job.precision === 'fp32' ? 4 : 2;
  const own = sizesOf(job);
  const pairs =
    ((own.tokens ?? 0) * (model.sizes.num_experts_per_tok ?? 0) * (mesh.expert - 1)) / mesh.expert;
  const having = tensorsOf(model).filter((one) => one.role === 'expert');
  // Of each kind of layers, how many there are.
  const alike = new Map(having.map((one) => [one.layer, one.times]));
  const layers = [...alike.values()].reduce((all, times) => all + times, 0) / mesh.pipeline;
  const sent = 2 * (2 + Number(job.recompute)) * times * layers * item * pairs;
  return (sent * (model.sizes.hidden_size ?? 0)) / linkOf(job.card, mesh.expert * mesh.tensor, job.assumed);
}

/** Seconds of gathering weights and adding gradients, of which most goes on beside the layers. */
function sharing(job: Job, times: number): number {
  const { mesh, assumed } = job;
  const shards = shardsOf(mesh);
  const weights =
    weightsOf(job).reduce((bytes, [one, item]) => bytes + item * one.numbers, 0) / mesh.pipeline;
  const learned = learnedOf(job).reduce((numbers, one) => numbers + one.numbers, 0);
  const gradients = (learned * itemOf(job)) / mesh.pipeline;
  let seconds = 0;
  if (shards > 1 && !job.isPacked) {
    const link = linkOf(job.card, shards * mesh.tensor, assumed);
    const sent = (mesh.zero === 3 ? 2 * times : 1) * weights + (mesh.zero >= 2 ? times : 1) * gradients;
    seconds += (sent * (shards - 1)) / shards / link;
  }
  if (mesh.replicate > 1) {
    const sent = (2 * gradients * (mesh.replicate - 1)) / mesh.replicate / shards;
    seconds += sent / (assumed.network_gbs * 1e9 * assumed.link);
  }
  return seconds;
}

/** The rate of the first of these dtypes that a card has units for, in TFLOP/s. */
export function rateOf(card: Card, dtypes: readonly string[]): number | undefined {
  return dtypes.map((name) => card.figures[name]).find((one) => one !== undefined);
}

/** Bytes a second between so many neighbouring cards. */
export function linkOf(card: Card, ranks: number, assumed: Assumed): number {
  const node = card.figures.a_node ?? 1;
  if (ranks > node) return assumed.network_gbs * 1e9 * assumed.link;
  const link = card.figures.link_gbs;
  return (link === undefined ? assumed.pcie_gbs : link / 2) * 1e9 * assumed.link;
}
