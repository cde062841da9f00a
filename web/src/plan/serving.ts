/** A model that is served, evaluated: memory while prompts are read and answers written, as `whet.plan.serving` has it. */
import type { Assumed, Card, Moment, ServingAnswer, ServingForms } from './forms';
import { momentOf } from './moments';
import { linkOf, rateOf } from './speed';

export interface Talk {
  /** Tokens that a conversation may have, and conversations at once. */
  length: number;
  users: number;
}

/** Of a conversation, what is given: as `whet plan --serve` takes it. */
const PROMPT = 0.75;

export function servingMoments(asked: ServingAnswer, talk: Talk, card: Card, assumed: Assumed): Moment[] {
  const forms = asked.serving;
  const at = { card, ranks: forms.ranks, assumed };
  const held = { weights: forms.weights, cache: talk.users * conversation(forms, talk.length) };
  const tokens = Math.min(forms.chunk, promptOf(talk) * talk.users);
  const phases = [
    ['prefill', tokens],
    ['decode', Math.min(talk.users, tokens)],
  ] as const;
  return phases.map(([phase, rows]) => {
    const working = Math.max(forms.a_row * rows, forms.a_logit_row * Math.min(talk.users, rows));
    return momentOf(phase, '', { ...held, working }, at);
  });
}

export interface ServingSpeed {
  /** Of all conversations together. */
  tokensPerSecond: number;
  /** Seconds from a prompt to its first token, where nobody else asks. */
  first: number;
}

/** The estimate, as `whet.plan.serving.speed` has it; null for a card of which no rate is known. */
export function servingSpeed(
  asked: ServingAnswer,
  talk: Talk,
  card: Card,
  assumed: Assumed,
): ServingSpeed | null {
  const { ranks, layers, speed } = asked.serving;
  const rate = rateOf(card, speed.is_fp32 ? ['fp32'] : ['bf16', 'fp16', 'fp32']);
  const bandwidth = card.figures.bandwidth_gbs;
  if (rate === undefined || bandwidth === undefined) return null;
  const prompt = promptOf(talk);
  const active = (rows: number) => {
    if (!speed.experts) return speed.parameters;
    return speed.parameters - speed.in_experts * (1 - speed.chosen / speed.experts) ** rows;
  };
  const over = (each: (layer: ServingForms['layers'][number]) => number) =>
    layers.reduce((total, layer) => total + layer.count * each(layer), 0);
  const sums = (rows: number) => {
    if (ranks === 1) return 0;
    const sent = ((2 * (ranks - 1)) / ranks) * rows * speed.width * 2;
    return 2 * over(() => 1) * (sent / linkOf(card, ranks, assumed) + assumed.sum_s);
  };
  const flops = rate * 1e12 * assumed.compute * ranks;
  const average = Math.floor((prompt + talk.length) / 2);
  const cache = over((layer) => Math.min(average, layer.window ?? average) * layer.a_token + layer.fixed);
  const read = (speed.read * active(talk.users)) / speed.parameters + talk.users * cache;
  const multiplied = (2 * talk.users * active(1)) / flops;
  const moved = read / (bandwidth * 1e9 * assumed.memory);
  const step = Math.max(moved, multiplied) + sums(talk.users) + assumed.step_s;
  const seen = over((layer) => (layer.a_token ? Math.min(prompt, layer.window ?? prompt) : 0)) / 2;
  const reading = (prompt * (2 * speed.multiplied + 4 * seen * speed.width)) / flops;
  return { tokensPerSecond: talk.users / step, first: reading + sums(prompt) + assumed.step_s };
}

function promptOf(talk: Talk): number {
  return Math.max(1, Math.floor(PROMPT * talk.length));
}

/** Bytes that a conversation of so many tokens keeps on a card, in whole pages. */
export function conversation(forms: ServingForms, length: number): number {
  return forms.layers.reduce((bytes, layer) => {
    const seen = layer.window === null ? length : Math.min(length, layer.window);
    return bytes + layer.count * (Math.ceil(seen / forms.block) * forms.block * layer.a_token + layer.fixed);
  }, 0);
}
