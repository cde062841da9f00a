/** Media by name, each with what it was at its steps. */
import type { Medium } from './queries';

export interface Series {
  name: string;
  /** In the order of steps; of one step the last that was logged by a writer. */
  at: Medium[];
}

/** A series a name, in the order of names. */
export function seriesOf(media: readonly Medium[]): Series[] {
  const found = new Map<string, Map<string, Medium>>();
  for (const medium of media) {
    const own = found.get(medium.name) ?? new Map<string, Medium>();
    own.set(`${medium.step} ${medium.writer}`, medium);
    found.set(medium.name, own);
  }
  return [...found]
    .map(([name, own]) => ({ name, at: [...own.values()].sort((a, b) => a.step - b.step) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Steps of any of the series, ascending. */
export function stepsOf(series: readonly Series[]): number[] {
  const steps = new Set(series.flatMap((one) => one.at.map((medium) => medium.step)));
  return [...steps].sort((a, b) => a - b);
}

/** What a series was at a step: what was logged there or last before it; nothing before its first. */
export function shownAt(series: Series, step: number): Medium[] {
  const last = series.at.findLast((medium) => medium.step <= step);
  return last ? series.at.filter((medium) => medium.step === last.step) : [];
}

/** Whether any of a series' entries is of a kind that needs the whole width. */
const WIDE = new Set(['table', 'html', 'text', 'plotly']);
export const isWide = (media: readonly Medium[]): boolean =>
  media.some((medium) => medium.entries.some((entry) => WIDE.has(String(entry.type))));
