/** Curves as uPlot takes them: one axis for all, and of each curve low, high, mean and smoothed mean. */
import uPlot from 'uplot';
import { type Curve, isMerged, places, smoothed } from './curve';
import { colorOf, dashOf, faded } from './colors';

export interface ChartSeries {
  id: string;
  label: string;
  curve: Curve;
  /** Which of the colours; by default its number among the series. */
  color?: number;
}

/** What decides how a chart is built; while it is the same, new data goes into the same chart. */
export interface Shape {
  ids: readonly string[];
  hasBand: boolean;
  isSmoothed: boolean;
}

/** The shape of a chart of these series. */
export function shapeOf(series: readonly ChartSeries[], smoothing: number): Shape {
  return {
    ids: series.map((one) => one.id),
    hasBand: series.some((one) => isMerged(one.curve)),
    isSmoothed: smoothing > 0,
  };
}

/** How many of uPlot's series stand for one of ours. */
export const partsOf = (shape: Shape): number => 1 + (shape.hasBand ? 2 : 0) + (shape.isSmoothed ? 1 : 0);

type Column = (number | null)[];
// uPlot draws a gap where there is null; NaN would be a line to nowhere.
const column = (values: Float64Array): Column =>
  Array.from(values, (value) => (Number.isFinite(value) ? value : null));

/** The data of a chart. */
export function dataOf(series: readonly ChartSeries[], shape: Shape, smoothing: number): uPlot.AlignedData {
  const tables = series.map(({ curve }): uPlot.AlignedData => {
    const columns = [column(curve.mean)];
    if (shape.hasBand) columns.unshift(column(curve.low), column(curve.high));
    if (shape.isSmoothed) columns.push(column(smoothed(curve, smoothing)));
    return [Array.from(places(curve)), ...columns];
  });
  const first = tables[0];
  if (first === undefined) return [[]];
  if (tables.length === 1) return first;
  if (tables.every((table) => same(table[0], first[0]))) {
    return [first[0], ...tables.flatMap((table) => table.slice(1))] as uPlot.AlignedData;
  }
  // Where a curve has no point because another has one there, its line goes on; its own gaps stay.
  const retained = tables.map((table) => table.map(() => 1));
  return uPlot.join(tables, retained);
}

function same(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** How each part is drawn, and the bands between low and high. */
export function drawingOf(
  series: readonly ChartSeries[],
  shape: Shape,
  hidden: ReadonlySet<string>,
): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const drawn: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  series.forEach((one, index) => {
    const number = one.color ?? index;
    const [color, dash, show] = [colorOf(number), dashOf(number), !hidden.has(one.id)];
    const part = (more: uPlot.Series): uPlot.Series => ({
      show,
      points: { show: false },
      spanGaps: false,
      ...more,
    });
    if (shape.hasBand) {
      bands.push({ series: [drawn.length + 1, drawn.length], fill: faded(color, 0.16) });
      drawn.push(
        part({ stroke: faded(color, 0.35), width: 0.5 }),
        part({ stroke: faded(color, 0.35), width: 0.5 }),
      );
    }
    const ghost = shape.isSmoothed ? { stroke: faded(color, 0.3), width: 1 } : { stroke: color, width: 1.5 };
    drawn.push(part({ ...ghost, dash, points: pointsOf(one.curve, color) }));
    if (shape.isSmoothed) drawn.push(part({ stroke: color, width: 1.75, dash }));
  });
  return { series: drawn, bands };
}

// A curve of so few points shows each of them: a line through one point is nothing.
const FEW = 12;

function pointsOf(curve: Curve, color: string): uPlot.Series.Points {
  return curve.mean.length <= FEW ? { show: true, size: 5, fill: color, stroke: color } : { show: false };
}
