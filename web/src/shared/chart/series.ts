/** Series of a chart: curves with names and colours, and what of them is drawn. */
import { colorOf, dashOf } from './colors';
import { type Curve, isMerged, lowerBound, places, smoothed } from './curve';
import { type Color, colorOfText } from './ink';

export interface ChartSeries {
  id: string;
  label: string;
  curve: Curve;
  /** Which of the colours; by default its number among the series. */
  color?: number;
}

/** A curve as it is drawn, in the colours of the theme. */
export interface Line {
  id: string;
  label: string;
  curve: Curve;
  /** Where its buckets are. */
  x: Float64Array;
  /** The smoothed mean, before which the mean itself is a ghost. */
  smooth: Float64Array | null;
  isMerged: boolean;
  css: string;
  color: Color;
  dash: readonly number[];
}

/** What is drawn of series: those that are not hidden, smoothed by a weight in [0, 1). */
export function linesOf(series: readonly ChartSeries[], hidden: ReadonlySet<string>, weight: number): Line[] {
  return series.flatMap((one, index) => {
    if (hidden.has(one.id)) return [];
    const { id, label, curve } = one;
    const number = one.color ?? index;
    const css = colorOf(number);
    return [
      {
        id,
        label,
        curve,
        x: places(curve),
        smooth: weight > 0 ? smoothed(curve, weight) : null,
        isMerged: isMerged(curve),
        css,
        color: colorOfText(css),
        dash: dashOf(number),
      },
    ];
  });
}

/** The first and last place of curves. */
export function spanOf(curves: readonly { curve: Curve }[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const { curve } of curves) {
    low = Math.min(low, curve.first[0] ?? Infinity);
    high = Math.max(high, curve.last.at(-1) ?? -Infinity);
  }
  return low < high ? [low, high] : [Number.isFinite(low) ? low : 0, (Number.isFinite(low) ? low : 0) + 1];
}

/** The lowest and the highest value of the buckets that reach into a window; null where none does. */
export function extremesOf(lines: readonly Line[], from: number, to: number): [number, number] | null {
  let [least, most] = [Infinity, -Infinity];
  for (const { curve, smooth } of lines) {
    const end = lowerBound(curve.first, to);
    for (let index = lowerBound(curve.last, from); index < curve.first.length; index++) {
      if (index > end || (index === end && curve.first[index] !== to)) break;
      const [low, high] = [curve.low[index] ?? NaN, curve.high[index] ?? NaN];
      const mean = smooth?.[index] ?? low;
      if (low < least) least = low;
      if (high > most) most = high;
      if (mean < least) least = mean;
      if (mean > most) most = mean;
    }
  }
  return least <= most ? [least, most] : null;
}
