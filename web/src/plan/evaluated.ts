/** Forms evaluated where the sliders stand: moments, the peak, and how far each slider may go on the card. */
import type { Asked } from './asked';
import type { Assumed, Card, Forms, Moment } from './forms';
import { most, peakOf } from './moments';
import { servingMoments, servingSpeed } from './serving';
import { tokensPerSecond } from './speed';
import { microBatches, trainingMoments } from './training';

export const MOST_SAMPLES = 1024;
export const MOST_USERS = 1 << 20;
export const LONGEST = 131_072;

export interface Evaluated {
  moments: Moment[];
  peak: Moment;
  fits: boolean;
  /** Tokens a second, of all cards and conversations together; null where no rate is known. */
  tokensPerSecond: number | null;
  /** Where it is served, seconds to the first token of an answer. */
  first: number | null;
  /** Micro-batches of a step; of what is served 1. */
  times: number;
}

export function evaluated(forms: Forms, asked: Asked, card: Card, assumed: Assumed): Evaluated {
  const isServed = forms.kind === 'serving';
  const moments = isServed
    ? servingMoments(forms, asked, card, assumed)
    : trainingMoments(forms, asked, card, assumed);
  const peak = peakOf(moments);
  const serving = isServed ? servingSpeed(forms, asked, card, assumed) : null;
  return {
    moments,
    peak,
    fits: peak.total <= card.usable_bytes,
    tokensPerSecond: isServed
      ? (serving?.tokensPerSecond ?? null)
      : tokensPerSecond(forms, asked, card, assumed),
    first: serving?.first ?? null,
    times: isServed ? 1 : microBatches(asked, forms.constants.ranks, assumed),
  };
}

function fitting(forms: Forms, card: Card, assumed: Assumed) {
  const moments = forms.kind === 'serving' ? servingMoments : trainingMoments;
  return (asked: Asked) => peakOf(moments(forms as never, asked, card, assumed)).total <= card.usable_bytes;
}

/** How many samples at once, or conversations, fit with the length as it is; 0 where one does not. */
export function mostAtOnce(forms: Forms, asked: Asked, card: Card, assumed: Assumed): number {
  const fits = fitting(forms, card, assumed);
  if (forms.kind === 'serving') return most(1, MOST_USERS, (users) => fits({ ...asked, users }));
  return most(1, MOST_SAMPLES, (samples) => fits({ ...asked, samples }));
}

/** The most tokens of a sample or a conversation that fit, with as many at once; 0 where the shortest do not. */
export function longest(forms: Forms, asked: Asked, card: Card, assumed: Assumed): number {
  const fits = fitting(forms, card, assumed);
  return most(16, forms.model.context ?? LONGEST, (length) => fits({ ...asked, length }));
}
