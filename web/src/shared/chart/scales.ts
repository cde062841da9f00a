/** Axes: what is written beside them, and logarithms that know zero and negative values. */
import uPlot from 'uplot';
import { duration, figure } from '~/shared/format/numbers';
import { token } from '~/shared/theme/theme';
import { type Curve, STEPS } from './curve';
import { type Line, extremesOf } from './series';

/** A place on the x axis with the axis' unit. */
export function placeText(value: number, unit: string): string {
  if (unit === 's') return duration(value);
  return unit === STEPS ? String(Math.round(value)) : `${figure(value)} ${unit}`;
}

/** Ticks are short: `20k`, `1h02m`. */
const tick = (unit: string) => (value: number) => (unit === 's' ? duration(value) : figure(value));

/** How values are put on the y axis: `linear` is where a logarithm that crosses zero begins. */
export type Shape = { distr: 1 } | { distr: 3 } | { distr: 4; linear: number };

/** Linear, logarithmic, or (where values are zero or negative) linear near zero and logarithmic beyond. */
export function shapeOf(curves: readonly { curve: Curve }[], isLog: boolean): Shape {
  if (!isLog) return { distr: 1 };
  const { least, crosses } = smallest(curves);
  return crosses ? { distr: 4, linear: least } : { distr: 3 };
}

/** The y scale: from the lowest to the highest value of what the x axis shows; while that moves, it changes only for what would not be seen. */
export function yScale(shape: Shape, lines: () => readonly Line[], isMoving: () => boolean): uPlot.Scale {
  const range = ({ scales }: uPlot, from: number, to: number): uPlot.Range.MinMax => {
    const extremes = extremesOf(lines(), from, to);
    const [min, max] = [scales.y?.min ?? NaN, scales.y?.max ?? NaN];
    const holds = isMoving() && (extremes === null || (extremes[0] >= min && extremes[1] <= max));
    return holds ? [min, max] : rangeOf(shape, extremes);
  };
  // A scale from another one is given that one's ends.
  const scale: uPlot.Scale = { from: 'x', ori: 1, range: range as uPlot.Scale.Range, distr: shape.distr };
  return shape.distr === 4 ? { ...scale, asinh: shape.linear } : scale;
}

function rangeOf({ distr }: Shape, extremes: readonly [number, number] | null): uPlot.Range.MinMax {
  if (extremes === null) return distr === 3 ? [1, 10] : [0, 1];
  if (distr === 3) return uPlot.rangeLog(...extremes, 10, false);
  return distr === 4 ? uPlot.rangeAsinh(...extremes, 10, false) : padded(...extremes);
}

/** The smallest size of a value above zero, and whether any value is not above zero. */
export function smallest(curves: readonly { curve: Curve }[]): { least: number; crosses: boolean } {
  let [least, crosses] = [Infinity, false];
  for (const { curve } of curves) {
    for (const value of curve.low) {
      if (value <= 0) crosses = true;
      const size = Math.abs(value);
      if (size > 0 && size < least) least = size;
    }
  }
  return { least: Number.isFinite(least) ? least : 1, crosses };
}

const PADDING = 0.06;

function padded(min: number, max: number): uPlot.Range.MinMax {
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
