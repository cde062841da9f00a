/** The picture of a chart's curves. While a hand moves it along, what stands is moved and only what comes into view is drawn. */
import type uPlot from 'uplot';
import { lowerBound } from './curve';
import type { Ink, Pen, Places } from './ink';
import type { Line } from './series';

// A curve of so few points shows each of them: a line through one point is nothing.
const FEW = 12;
const [DOT, LINE, SMOOTH, GHOST] = [5, 1.5, 1.75, 1];
const [FAINT, STRONG, GHOSTLY] = [0.16, 0.4, 0.3];
// A line reaches so far beyond its points: what is drawn anew is drawn so much wider, and cut.
const MARGIN = 8;

/** What of the curves a picture shows, and in how many pixels. */
interface View {
  lines: readonly Line[];
  from: number;
  /** Pixels to one unit of the x axis. */
  across: number;
  low: number;
  high: number;
  width: number;
  height: number;
}

export class Picture {
  private readonly canvas = document.createElement('canvas');
  private view: View | null = null;

  constructor(private readonly ink: Ink) {}

  /** Paint curves over what is drawn of the chart. While it moves they stand within half a pixel of their places. */
  paint(chart: uPlot, lines: readonly Line[], isMoving: boolean): void {
    const view = viewOf(chart, lines);
    if (view.width < 1 || view.height < 1) return;
    const step = isMoving ? this.stepTo(view) : NaN;
    if (Number.isNaN(step)) this.whole(chart, view);
    else if (step !== 0) this.move(chart, step);
    chart.ctx.drawImage(this.canvas, Math.round(chart.bbox.left), Math.round(chart.bbox.top));
  }

  /** By how many pixels the picture is to be moved to show a view; NaN where it has to be drawn. */
  private stepTo(view: View): number {
    const old = this.view;
    if (!old) return NaN;
    const isSame =
      old.lines === view.lines &&
      old.low === view.low &&
      old.high === view.high &&
      old.width === view.width &&
      old.height === view.height &&
      Math.abs(old.across / view.across - 1) < 1e-9;
    const step = Math.round((view.from - old.from) * view.across);
    return isSame && Math.abs(step) < view.width ? step : NaN;
  }

  private whole(chart: uPlot, view: View): void {
    this.view = view;
    [this.canvas.width, this.canvas.height] = [view.width, view.height];
    this.draw(chart, view, 0, view.width);
  }

  private move(chart: uPlot, step: number): void {
    const draw = this.canvas.getContext('2d');
    if (!draw || !this.view) return;
    const view = { ...this.view, from: this.view.from + step / this.view.across };
    this.view = view;
    draw.globalCompositeOperation = 'copy';
    draw.drawImage(this.canvas, -step, 0);
    if (step > 0) this.draw(chart, view, view.width - step, view.width);
    else this.draw(chart, view, 0, -step);
  }

  /** Draw the columns from one to before another. */
  private draw(chart: uPlot, view: View, begin: number, end: number): void {
    const [left, right] = [Math.max(0, begin - MARGIN), Math.min(view.width, end + MARGIN)];
    this.ink.begin(right - left, view.height);
    const y = placesOf(chart.scales.y, view);
    const x = (value: number) => (value - view.from) * view.across - left;
    const window = [view.from + left / view.across, view.from + right / view.across] as const;
    for (const line of view.lines) drawLine(this.ink, line, window, x, y);
    const image = new ImageData(this.ink.finish(), right - left, view.height);
    this.canvas.getContext('2d')?.putImageData(image, left, 0, begin - left, 0, end - begin, view.height);
  }
}

function viewOf(chart: uPlot, lines: readonly Line[]): View {
  const [from, to] = [chart.scales.x?.min ?? 0, chart.scales.x?.max ?? 1];
  const [width, height] = [Math.round(chart.bbox.width), Math.round(chart.bbox.height)];
  const [low, high] = [chart.scales.y?.min ?? 0, chart.scales.y?.max ?? 1];
  return { lines, from, across: width / (to - from), low, high, width, height };
}

/** The row of a value: in proportion to itself, or to its logarithm. */
function placesOf(scale: uPlot.Scale | undefined, view: View): (value: number) => number {
  const linear = scale?.asinh ?? 1;
  const logs = scale?.distr === 3 ? Math.log10 : (value: number) => Math.asinh(value / linear);
  const shaped = scale?.distr === 3 || scale?.distr === 4 ? logs : (value: number) => value;
  const high = shaped(view.high);
  const down = view.height / (high - shaped(view.low));
  return (value) => (high - shaped(value)) * down;
}

type Placing = (value: number) => number;

function drawLine(ink: Ink, line: Line, window: readonly [number, number], toX: Placing, toY: Placing): void {
  const { curve, color } = line;
  const begin = Math.max(0, lowerBound(line.x, window[0]) - 1);
  const count = Math.min(line.x.length, lowerBound(line.x, window[1]) + 2) - begin;
  const placed = (values: Float64Array, place: Placing): Places => {
    const found = new Float32Array(count);
    for (let index = 0; index < count; index++) found[index] = place(values[begin + index] ?? NaN);
    return found;
  };
  const unit = devicePixelRatio || 1;
  const [x, mean] = [placed(line.x, toX), placed(curve.mean, toY)];
  const origin = Math.round(toX(line.x[0] ?? 0));
  const dash = line.dash.flatMap((part, index) =>
    Array<boolean>(Math.round(part * unit)).fill(index % 2 === 0),
  );
  const pen = (opacity: number, width: number): Pen => ({
    color,
    opacity,
    width: width * unit,
    dash,
    origin,
  });
  if (line.isMerged)
    ink.band(x, placed(curve.high, toY), placed(curve.low, toY), count, color, FAINT, STRONG);
  ink.line(x, mean, count, line.smooth ? pen(GHOSTLY, GHOST) : pen(1, LINE));
  if (line.smooth) ink.line(x, placed(line.smooth, toY), count, pen(1, SMOOTH));
  if (curve.mean.length <= FEW) ink.dots(x, mean, count, pen(1, DOT));
}
