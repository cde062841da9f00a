/** Results of tasks as they are shown: a table a task, a column a figure. */
import { isNumeric, real } from '~/shared/api/numbers';
import type { Kept } from './queries';

export interface Figure {
  value: number;
  /** NaN where it has none. */
  low: number;
  high: number;
  n: number;
}

export interface Measured {
  path: string;
  model: string;
  time: number;
  figures: Readonly<Record<string, Figure>>;
  /** Settings and facts, flat, in the order in which they are told. */
  how: readonly [string, string][];
}

export interface Task {
  name: string;
  /** Names of figures, in the order in which they are told. */
  figures: readonly string[];
  results: readonly Measured[];
}

type Told = Readonly<Record<string, unknown>>;
const told = (value: unknown): Told => (typeof value === 'object' && value !== null ? (value as Told) : {});
const number = (value: unknown): number => (isNumeric(value) ? real(value) : NaN);

/** By task, in the order of names; the latest result first. */
export function tasksOf(kept: readonly Kept[]): Task[] {
  const names = [...new Set(kept.map((one) => one.task))].sort();
  return names.map((name) => {
    const results = kept.filter((one) => one.task === name).map(measured);
    results.sort((a, b) => b.time - a.time);
    return { name, figures: [...new Set(results.flatMap((one) => Object.keys(one.figures)))], results };
  });
}

function measured(kept: Kept): Measured {
  const { model, figures, settings, facts } = kept.result as Told;
  return {
    path: kept.path,
    model: String(model ?? ''),
    time: kept.time,
    figures: Object.fromEntries(
      Object.entries(told(figures)).map(([name, value]) => {
        const { value: own, low, high, n } = told(value);
        return [name, { value: number(own ?? value), low: number(low), high: number(high), n: number(n) }];
      }),
    ),
    how: [...Object.entries(told(settings)), ...Object.entries(told(facts))].flatMap(([name, value]) =>
      value === null || value === undefined || value === ''
        ? []
        : [[name, typeof value === 'object' ? JSON.stringify(value) : String(value)] as [string, string]],
    ),
  };
}
