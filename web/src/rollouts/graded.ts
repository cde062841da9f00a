/** Answers by their reward, and one prompt over steps. */
import { real } from '~/shared/api/numbers';
import type { Answer, Message, Rollout } from './queries';

/** The best answer first; those without a reward last. */
export function byReward(answers: readonly Answer[]): Answer[] {
  const rank = (one: Answer) => (Number.isNaN(real(one.reward)) ? -Infinity : real(one.reward));
  return [...answers].sort((a, b) => rank(b) - rank(a) || 0);
}

/** The mean of what was graded; NaN where nothing was. */
export function meanReward(answers: readonly Answer[]): number {
  const graded = answers.map((one) => real(one.reward)).filter(Number.isFinite);
  return graded.reduce((sum, one) => sum + one, 0) / graded.length;
}

/** Where a reward stands between the lowest and the highest of its prompt, 0 to 1; null where all are alike. */
export function standing(answer: Answer, answers: readonly Answer[]): number | null {
  const graded = answers.map((one) => real(one.reward)).filter(Number.isFinite);
  const [low, high] = [Math.min(...graded), Math.max(...graded)];
  const own = real(answer.reward);
  return Number.isFinite(own) && high > low ? (own - low) / (high - low) : null;
}

/** What tells a prompt from others over steps. */
export const keyOf = (one: Rollout): string => `${one.source}#${one.row}`;

/** A prompt as one text: its last turn of the user's. */
export function asked(prompt: readonly Message[]): string {
  return (prompt.findLast((message) => message.role === 'user') ?? prompt.at(-1))?.content ?? '';
}
