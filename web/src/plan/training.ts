/** A training evaluated: the memory of a step, moment by moment, as `whet.plan.memory` walks through it. */
import type { Assumed, Card, Moment, Stretch, Terms, TrainingAnswer } from './forms';
import { momentOf } from './moments';

export interface Load {
  /** Tokens of a sample, and samples at once on a card. */
  length: number;
  samples: number;
}

interface Measured {
  left: number;
  made: number;
  high: number;
  gradients: number;
}

type Sizes = Readonly<Record<string, number>>;

/** Micro-batches of a step on a card. */
export function microBatches(load: Load, ranks: number, assumed: Assumed): number {
  return Math.max(1, Math.ceil(assumed.batch_tokens / (load.length * load.samples * ranks)));
}

/** The moments of a step. */
export function trainingMoments(asked: TrainingAnswer, load: Load, card: Card, assumed: Assumed): Moment[] {
  const { steps, constants } = asked;
  const at = { card, ranks: constants.ranks, assumed };
  const rank = microBatches(load, constants.ranks, assumed) > 1 ? constants.more : constants.one;
  const turn = steps[rank.turn];
  const sizes = sizesOf(asked, load, card, assumed);
  const measured = steps.stretches.map((one) => measure(one, sizes));
  const moments: Moment[] = [];
  const of = (stretch: number) => measured[stretch] ?? { left: 0, made: 0, high: 0, gradients: 0 };
  let [held, made] = [0, 0];
  const note = (phase: string, what: string, one: Measured) => {
    const parts = {
      weights: rank.weights,
      optimizer: rank.optimizer,
      gathered: rank.whole + (phase === 'loss' ? 1 : 2) * rank.buffer,
      gradients: rank.had + made + one.gradients * rank.kept,
      activations: Math.max(held, 0),
      working: one.high + Math.min(held, 0) + one.gradients * (1 - rank.kept) + rank.unpacked,
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
  note('forward', 'embedding', of(turn.before));
  held += of(turn.before).left;
  turn.forward.forEach((stretch, layer) => {
    note('forward', `layer ${layer}`, of(stretch));
    held += of(stretch).left;
  });
  back('loss', '', of(turn.head));
  for (const term of turn.dropped) held -= total(steps.terms[term] ?? {}, sizes);
  for (let layer = turn.backward.length - 1; layer >= 0; layer -= 1)
    back('backward', `layer ${layer}`, of(turn.backward[layer] ?? -1));
  note('backward', 'embedding', of(turn.after));
  still('step', rank.gradients);
  still('save', 0);
  return moments;
}

/** What products of formulas are made of: tokens at once, those of a chunk of the loss, those that each one sees. */
function sizesOf(asked: TrainingAnswer, load: Load, card: Card, assumed: Assumed): Sizes {
  const tokens = load.length * load.samples;
  const most = assumed.logits_bytes[card.device] ?? assumed.logits_bytes.cuda ?? 2 ** 30;
  const rows = Math.max(1, Math.floor(most / (asked.model.vocab * 4)));
  const chunk = Math.ceil(tokens / Math.max(1, Math.ceil(tokens / rows)));
  return { tokens, trained: tokens, chunk, seen: card.device === 'cpu' ? load.length : 0 };
}

function measure(stretch: Stretch, sizes: Sizes): Measured {
  const tides = stretch.tides.map(
    ([acts, gradients]) => [total(acts, sizes), total(gradients, sizes)] as const,
  );
  let [high, gradients] = tides[0] ?? [0, 0];
  for (const [acts, made] of tides) if (acts + made > high + gradients) [high, gradients] = [acts, made];
  return { left: total(stretch.left[0], sizes), made: total(stretch.left[1], sizes), high, gradients };
}

function total(terms: Terms, sizes: Sizes): number {
  let bytes = 0;
  for (const [product, each] of Object.entries(terms)) {
    let value = each;
    if (product) for (const name of product.split('*')) value *= sizes[name] ?? 0;
    bytes += value;
  }
  return bytes;
}
