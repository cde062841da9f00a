/** Dots of the crosshair: on each of a few curves; where there are many, on the one nearest to the hand, with its name. */
import type uPlot from 'uplot';
import { nearest } from './curve';
import type { Line } from './series';
import { COLORS } from './colors';

interface Dot {
  left: number;
  top: number;
  line: Line;
}

/** The plugin of uPlot that shows them. `lines` is asked each time. */
export function dotsPlugin(
  lines: () => readonly Line[],
  classes: { dot: string; named: string },
): uPlot.Plugin {
  const elements: HTMLElement[] = [];
  return {
    hooks: {
      setCursor: (chart) => {
        const drawn = lines();
        const all = placed(chart, drawn);
        const dots = drawn.length <= COLORS ? all : closest(chart, all);
        while (elements.length < dots.length) elements.push(appended(chart.over, classes.dot));
        const isNamed = drawn.length > COLORS;
        elements.forEach((element, index) => {
          element.classList.toggle(classes.named, isNamed);
          show(element, dots[index]);
        });
      },
    },
  };
}

function placed(chart: uPlot, lines: readonly Line[]): Dot[] {
  const left = chart.cursor.left ?? -1;
  if (left < 0) return [];
  const x = chart.posToVal(left, 'x');
  return lines.flatMap((line) => {
    const index = nearest(line.curve, x);
    const value = (line.smooth ?? line.curve.mean)[index] ?? NaN;
    if (!Number.isFinite(value)) return [];
    return [{ left: chart.valToPos(line.x[index] ?? 0, 'x'), top: chart.valToPos(value, 'y'), line }];
  });
}

/** The nearest to the hand, on the chart that it points at. */
function closest(chart: uPlot, dots: readonly Dot[]): Dot[] {
  if (!dots.length || !chart.over.matches(':hover')) return [];
  const away = (dot: Dot) => Math.abs(dot.top - (chart.cursor.top ?? 0));
  return [dots.reduce((best, dot) => (away(dot) < away(best) ? dot : best))];
}

function appended(place: HTMLElement, className: string): HTMLElement {
  const element = document.createElement('div');
  element.className = className;
  place.append(element);
  return element;
}

function show(element: HTMLElement, dot: Dot | undefined): void {
  element.hidden = dot === undefined;
  if (!dot) return;
  element.style.left = `${dot.left.toFixed(1)}px`;
  element.style.top = `${dot.top.toFixed(1)}px`;
  element.style.backgroundColor = dot.line.css;
  element.dataset.name = dot.line.label;
}
