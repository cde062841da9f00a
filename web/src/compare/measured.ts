/** How measured figures are drawn and judged: the scale of a column, and whether a difference is for the better. */
import { real } from '~/shared/api/numbers';
import type { Evaluations } from './queries';

export type Task = Evaluations['tasks'][number];
export type Cell = NonNullable<Task['rows'][number]['cells'][number]>;
export type Against = NonNullable<Cell['against']>;
export type Scale = readonly [low: number, high: number];

/** From the lowest to the highest end of a column's intervals, and of its values where they have none. */
export function scaleOf(cells: readonly (Cell | null | undefined)[]): Scale {
  const ends = cells
    .flatMap((cell) => (cell ? [real(cell.low), real(cell.value), real(cell.high)] : []))
    .filter(Number.isFinite);
  return [Math.min(...ends), Math.max(...ends)];
}

/** Where a value stands on a scale, in % of its width; in the middle where all are alike. */
export function placeOf(value: number, [low, high]: Scale): number {
  return high > low ? (100 * (value - low)) / (high - low) : 50;
}

export type Verdict = 'better' | 'worse' | 'unclear' | null;

/** What a difference to the baseline means: clear where its interval leaves zero out, null where nobody knows. */
export function verdictOf(against: Against, lessIsBetter: boolean | null): Verdict {
  const [low, high] = [real(against.low), real(against.high)];
  if (Number.isNaN(low) || Number.isNaN(high)) return null;
  if (low <= 0 && high >= 0) return 'unclear';
  if (lessIsBetter === null) return null;
  return low > 0 === lessIsBetter ? 'worse' : 'better';
}

// Settings that change no figure.
const HOW_FAST: readonly string[] = ['batch_tokens'];

/** What to type so that a run is measured as the others of a task were. */
export function commandOf(task: Task, run: string, quoted: (word: string) => string): string {
  const settings = Object.entries(task.settings)
    .filter(([name]) => !HOW_FAST.includes(name))
    .map(([name, value]) => quoted(`${name}=${plain(value)}`));
  return ['whet evaluate', quoted(run), '--task', task.task, ...settings].join(' ');
}

const plain = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
