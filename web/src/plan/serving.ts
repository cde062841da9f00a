/** A model that is served, evaluated: memory while prompts are read and answers written, as `whet.plan.serving` has it. */
import type { Assumed, Card, Moment, ServingAnswer, ServingForms } from './forms';
import { momentOf } from './moments';

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
  const prompt = Math.max(1, Math.floor(PROMPT * talk.length));
  const tokens = Math.min(forms.chunk, prompt * talk.users);
  const phases = [
    ['prefill', tokens],
    ['decode', Math.min(talk.users, tokens)],
  ] as const;
  return phases.map(([phase, rows]) => {
    const working = Math.max(forms.a_row * rows, forms.a_logit_row * Math.min(talk.users, rows));
    return momentOf(phase, '', { ...held, working }, at);
  });
}

/** Bytes that a conversation of so many tokens keeps on a card, in whole pages. */
export function conversation(forms: ServingForms, length: number): number {
  return forms.layers.reduce((bytes, layer) => {
    const seen = layer.window === null ? length : Math.min(length, layer.window);
    return bytes + layer.count * (Math.ceil(seen / forms.block) * forms.block * layer.a_token + layer.fixed);
  }, 0);
}
