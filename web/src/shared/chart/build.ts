/** A uPlot of our series, with axes, gestures and marks. */
import uPlot from 'uplot';
import { token } from '~/shared/theme/theme';
import { type ChartSeries, type Shape, dataOf, drawingOf } from './aligned';
import css from './chart.module.css';
import { STEPS } from './curve';
import { type Window, gestures, plainPress } from './gestures';
import { type ChartMark, marksPlugin } from './marks';
import { axes, yScale } from './scales';

export interface Wanted {
  series: readonly ChartSeries[];
  shape: Shape;
  hidden: ReadonlySet<string>;
  isLog: boolean;
  smoothing: number;
  width: number;
  height: number;
  sync: string;
  marks: () => readonly ChartMark[];
  onMark: (mark: ChartMark) => void;
  whole: () => Window;
  onWindow: (window: Window | null, isFinal: boolean) => void;
  onPick: (x: number) => void;
  /** The crosshair stands at this place, or nowhere. */
  onPlace: (x: number | null) => void;
}

/** Draw the chart into an element. */
export function built(place: HTMLElement, wanted: Wanted): uPlot {
  const unit = wanted.series[0]?.curve.unit ?? STEPS;
  const { series, bands } = drawingOf(wanted.series, wanted.shape, wanted.hidden);
  const options: uPlot.Options = {
    width: wanted.width,
    height: wanted.height,
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, min, max) => wide(min, max) },
      y: yScale(wanted.series, wanted.isLog),
    },
    series,
    bands,
    axes: axes(unit),
    padding: [8, 8, 0, 0],
    cursor: {
      y: false,
      points: { size: 6, width: 2, show: (chart, index) => dot(chart, index, wanted.shape) },
      drag: { x: true, y: false, setScale: false, dist: 4 },
      bind: { mousedown: plainPress, dblclick: () => () => null },
      sync: { key: wanted.sync, setSeries: false, scales: ['x', null] },
      dataIdx: nearestKnown,
    },
    plugins: [
      gestures({
        unit,
        whole: wanted.whole,
        onWindow: wanted.onWindow,
        onPick: wanted.onPick,
        classes: { measure: css.measure ?? '', measureText: css.measureText ?? '' },
      }),
      marksPlugin(wanted.marks, wanted.onMark, {
        marks: css.marks ?? '',
        mark: css.mark ?? '',
        bad: css.bad ?? '',
      }),
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const left = chart.cursor.left ?? -1;
          wanted.onPlace(left < 0 ? null : chart.posToVal(left, 'x'));
        },
      ],
    },
  };
  return new uPlot(options, dataOf(wanted.series, wanted.shape, wanted.smoothing), place);
}

function wide(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  return min === max ? [min - 0.5, max + 0.5] : [min, max];
}

/** The dot of the crosshair: on the line that is read, not on the edges of its band. */
function dot(chart: uPlot, index: number, shape: Shape): HTMLElement {
  const parts = 1 + (shape.hasBand ? 2 : 0) + (shape.isSmoothed ? 1 : 0);
  const part = (index - 1) % parts;
  const point = document.createElement('div');
  const stroke = chart.series[index]?.stroke;
  const color = typeof stroke === 'function' ? stroke(chart, index) : stroke;
  if (part !== parts - 1) point.style.display = 'none';
  point.style.background = String(color);
  point.style.borderColor = token('--surface');
  return point;
}

/** The nearest index at which a series has a value: curves of a chart need not have the same steps. */
function nearestKnown(chart: uPlot, series: number, index: number): number {
  const values = chart.data[series];
  if (series === 0 || values === undefined || values[index] !== undefined) return index;
  for (let away = 1; away < values.length; away++) {
    if (values[index - away] !== undefined) return index - away;
    if (values[index + away] !== undefined) return index + away;
  }
  return index;
}
