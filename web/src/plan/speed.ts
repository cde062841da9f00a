/** How long a step takes, as `whet.plan.speed` estimates it: work, what cards send, and the update. */
import type { Assumed, Card, TrainingAnswer } from './forms';
import { type Load, microBatches } from './training';

/** Tokens a second of all cards; null for a card of which no rate is known. */
export function tokensPerSecond(
  asked: TrainingAnswer,
  load: Load,
  card: Card,
  assumed: Assumed,
): number | null {
  const { speed, ranks } = asked.constants;
  const names = speed.is_fp32 ? ['fp32', 'tf32'] : ['bf16', 'fp16', 'fp32'];
  const rate = rateOf(card, names);
  const bandwidth = card.figures.bandwidth_gbs;
  if (rate === undefined || bandwidth === undefined) return null;
  const times = microBatches(load, ranks, assumed);
  const tokens = load.length * load.samples * times * ranks;
  const flops = speed.flops[0] + speed.flops[1] * load.length;
  // Ranks of a processor share its cores.
  const devices = card.kind === 'cpu' ? 1 : ranks;
  const compute = (flops * tokens) / (devices * rate * 1e12 * assumed.compute);
  const update = speed.moved / (bandwidth * 1e9 * assumed.memory);
  const hidden = Math.max(0, sharing(asked, times, card, assumed) - compute);
  return tokens / (compute + hidden + update);
}

function sharing(asked: TrainingAnswer, times: number, card: Card, assumed: Assumed): number {
  const { shards, weights, gradients, is_packed } = asked.constants.speed;
  if (shards === 1 || is_packed) return 0;
  const sent = 2 * times * weights + times * gradients;
  return (sent * (shards - 1)) / shards / linkOf(card, shards, assumed);
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
