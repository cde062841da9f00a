/** Hours, power and money of a training, as `whet.plan.speed` has them. */

export interface Bill {
  seconds: number;
  /** Kilowatt hours of the cards; null where it is not known what they draw. */
  energy: number | null;
  price: number | null;
}

interface Training {
  tokens: number;
  /** Tokens a second of all cards. */
  rate: number;
  cards: number;
  watts?: number;
  /** Of a card for an hour. */
  price?: number;
}

export function billOf({ tokens, rate, cards, watts, price }: Training): Bill {
  const seconds = tokens / rate;
  const hours = (seconds / 3600) * cards;
  return {
    seconds,
    energy: watts === undefined ? null : (hours * watts) / 1000,
    price: price === undefined ? null : hours * price,
  };
}
