/** A row's tokens, each with its text and the loss of having to say it. */
import { real } from '~/shared/api/numbers';
import type { TokensOfRow } from './queries';

export interface Token {
  text: string;
  id: number;
  /** NaN for one that was read and not trained. */
  loss: number;
}

/**
 * The tokens of a row. A loss at a place is that of the next token, its target: it stands with the token that was to be
 * said.
 */
export function tokensOf(row: TokensOfRow): Token[] {
  const losses = new Map(row.places.map((place, index) => [place + 1, real(row.losses[index])]));
  const tokens = row.ids.map((id, place) => ({
    id,
    text: row.texts?.[place] ?? String(id),
    loss: losses.get(place) ?? NaN,
  }));
  const last = row.places.at(-1);
  if (last === undefined || last + 1 < row.ids.length) return tokens;
  const index = row.places.length - 1;
  const target = row.targets[index] ?? -1;
  return [
    ...tokens,
    { id: target, text: row.target_texts?.[index] ?? String(target), loss: real(row.losses[index]) },
  ];
}

// A loss of so many nats is as dark as it gets: less than one chance in a thousand.
export const DARKEST = 7;

/** How dark a loss is, 0 to 1. */
export const darkness = (loss: number): number => Math.min(1, Math.max(0, loss / DARKEST));
