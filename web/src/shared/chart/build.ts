/** A uPlot with our axes, gestures and marks. It has no series: curves are painted by ours. */
import uPlot from 'uplot';
import css from './chart.module.css';
import { dotsPlugin } from './dots';
import { type Gestures, gestures, plainPress } from './gestures';
import { type ChartMark, marksPlugin } from './marks';
import type { Moving } from './Group';
import { Picture } from './paint';
import { type Shape, axes, yScale } from './scales';
import type { Line } from './series';

export interface Wanted extends Omit<Gestures, 'classes'> {
  shape: Shape;
  width: number;
  height: number;
  /** Charts with one key share their crosshair. */
  key: string;
  moving: Moving;
  lines: () => readonly Line[];
  marks: () => readonly ChartMark[];
  onMark: (mark: ChartMark) => void;
  /** The crosshair stands at this place, or nowhere. */
  onPlace: (x: number | null) => void;
}

const name = (of: string | undefined): string => of ?? '';

/** Draw the chart into an element. */
export function built(place: HTMLElement, wanted: Wanted): uPlot {
  const { lines, moving } = wanted;
  const picture = new Picture(moving.ink);
  const options: uPlot.Options = {
    width: wanted.width,
    height: wanted.height,
    legend: { show: false },
    scales: {
      x: { time: false, range: (_, min, max) => [min, max] },
      y: yScale(wanted.shape, lines, () => moving.isMoving),
    },
    series: [{}],
    axes: axes(wanted.unit),
    padding: [8, 16, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 4 },
      bind: { mousedown: plainPress, dblclick: () => () => null },
      sync: { key: wanted.key, setSeries: false, scales: ['x', null] },
    },
    plugins: [
      gestures({
        ...wanted,
        classes: { measure: name(css.measure), measureText: name(css.measureText) },
      }),
      marksPlugin(wanted.marks, wanted.onMark, {
        marks: name(css.marks),
        mark: name(css.mark),
        bad: name(css.bad),
      }),
      dotsPlugin(lines, { dot: name(css.dot), named: name(css.named) }),
    ],
    hooks: {
      draw: [(chart) => picture.paint(chart, lines(), moving.isMoving)],
      setCursor: [
        (chart) => {
          const left = chart.cursor.left ?? -1;
          wanted.onPlace(left < 0 ? null : chart.posToVal(left, 'x'));
        },
      ],
    },
  };
  // Without data uPlot has no crosshair.
  return new uPlot(options, [[0, 1]], place);
}
