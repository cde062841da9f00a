/** Axes: what is written beside them, and logarithms that know zero and negative values. */
import type uPlot from 'uplot';
import { duration, figure } from '~/shared/format/numbers';
import { token } from '~/shared/theme/theme';
import type { ChartSeries } from './aligned';
import { STEPS } from './curve';

/** A place on the x axis with the axis' unit. */
export function placeText(value: number, unit: string): string {
  if (unit === 's') return duration(value);
  return unit === STEPS ? String(Math.round(value)) : `${figure(value)} ${unit}`;
}

/** Ticks are short: `20k`, `1h02m`. */
const tick = (unit: string) => (value: number) => (unit === 's' ? duration(value) : figure(value));

/** The y scale: linear, logarithmic, or (where values are zero or negative) linear near zero and logarithmic beyond. */
export function yScale(series: readonly ChartSeries[], isLog: boolean): uPlot.Scale {
  if (!isLog) return { range: padded };
  const { least, crosses } = smallest(series);
  return crosses ? { distr: 4, asinh: least } : { distr: 3, log: 10 };
}

/** The smallest size of a value above zero, and whether any value is not above zero. */
export function smallest(series: readonly ChartSeries[]): { least: number; crosses: boolean } {
  let [least, crosses] = [Infinity, false];
  for (const { curve } of series) {
    for (const value of curve.low) {
      if (value <= 0) crosses = true;
      const size = Math.abs(value);
      if (size > 0 && size < least) least = size;
    }
  }
  return { least: Number.isFinite(least) ? least : 1, crosses };
}

const PADDING = 0.06;

function padded(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  const room = (max - min) * PADDING || Math.abs(max) * 0.1 || 1;
  return [min - room, max + room];
}

/** Both axes in the theme's colours. */
export function axes(unit: string): uPlot.Axis[] {
  const line = { stroke: token('--line'), width: 1 };
  const shared: uPlot.Axis = {
    stroke: token('--text-3'),
    font: `11px ${token('--font')}`,
    grid: line,
    ticks: { ...line, size: 4 },
    gap: 4,
  };
  return [
    { ...shared, space: 64, size: 26, values: (_, splits) => splits.map(tick(unit)), grid: { show: false } },
    {
      ...shared,
      space: 32,
      size: widthOf,
      values: (_, splits) => splits.map((one) => (one === null ? '' : figure(one))),
    },
  ];
}

/** So wide that the longest number stands. */
function widthOf(_: uPlot, values: string[] | null): number {
  const longest = Math.max(3, ...(values ?? []).map((value) => (value ?? '').length));
  return Math.min(72, 14 + longest * 6.4);
}
