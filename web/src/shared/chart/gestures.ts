/**
 * What hands do on a chart: the wheel zooms and (with shift, or sideways) moves, dragging selects, a double click shows
 * everything, dragging with shift measures, two fingers zoom. A wheel that is scrolling the page goes on scrolling it.
 */
import type uPlot from 'uplot';
import { figure } from '~/shared/format/numbers';
import { placeText } from './scales';

export type Window = readonly [number, number];

export interface Gestures {
  unit: string;
  /** All of the axis, beyond which nobody goes. */
  whole: () => Window;
  /** What of it is seen, or will be in the next frame. */
  seen: () => Window;
  /** A window was chosen; null is everything. `isFinal` is false while it still changes. */
  onWindow: (window: Window | null, isFinal: boolean) => void;
  /** A place was clicked. */
  onPick: (x: number) => void;
  classes: { measure: string; measureText: string };
}

// A notch of a wheel zooms by this; what turns by parts of a notch, or by several at once, by as much of it.
const STEP = 1.25;
const NOTCH_PX = 100;
const NOTCH_LINES = 3;
// Two fingers that spread on a touchpad come as wheels of few pixels with the control key.
const PINCH = 4;

/** The plugin of uPlot that hears them. */
export function gestures(hands: Gestures): uPlot.Plugin {
  return {
    hooks: {
      ready: (chart) => {
        const over = chart.over;
        over.addEventListener('wheel', wheel(chart, hands), { passive: false });
        over.addEventListener('dblclick', () => hands.onWindow(null, true));
        picking(chart, hands);
        measuring(chart, hands);
        fingers(chart, hands);
      },
      setSelect: (chart) => {
        if (chart.select.width < 4) return;
        const left = chart.posToVal(chart.select.left, 'x');
        const right = chart.posToVal(chart.select.left + chart.select.width, 'x');
        chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        hands.onWindow([left, right], true);
      },
    },
  };
}

/** A window made smaller or larger about a place in it, within all there is; null once it is everything. */
export function zoomed(window: Window, about: number, factor: number, whole: Window): Window | null {
  const [low, high] = [about - (about - window[0]) * factor, about + (window[1] - about) * factor];
  return within([low, high], whole);
}

/** A window moved back into all there is; null where it is everything. */
export function within(window: Window, whole: Window): Window | null {
  const size = Math.min(window[1] - window[0], whole[1] - whole[0]);
  if (size >= (whole[1] - whole[0]) * 0.999) return null;
  const low = Math.min(Math.max(window[0], whole[0]), whole[1] - size);
  return [low, low + size];
}

function wheel(chart: uPlot, hands: Gestures) {
  let pointed = false;
  let settle = 0;
  chart.over.addEventListener('pointermove', (event) => {
    if (event.movementX || event.movementY) pointed = true;
  });
  document.addEventListener('scroll', () => (pointed = false), { capture: true, passive: true });
  return (event: WheelEvent) => {
    if (!pointed && !event.ctrlKey) return;
    event.preventDefault();
    const window = hands.seen();
    const size = window[1] - window[0];
    const width = chart.bbox.width / devicePixelRatio;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    const isMove = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const shift = (sideways / width) * size;
    const about = window[0] + (event.offsetX / width) * size;
    const next = isMove
      ? within([window[0] + shift, window[1] + shift], hands.whole())
      : zoomed(window, about, STEP ** notches(event), hands.whole());
    hands.onWindow(next, false);
    clearTimeout(settle);
    settle = globalThis.setTimeout(() => hands.onWindow(next, true), 180) as unknown as number;
  };
}

/** How far a wheel was turned. A browser that is busy makes one event of several. */
export function notches({
  deltaY,
  deltaMode,
  ctrlKey,
}: Pick<WheelEvent, 'deltaY' | 'deltaMode' | 'ctrlKey'>): number {
  if (deltaMode === 0) return ((ctrlKey ? PINCH : 1) * deltaY) / NOTCH_PX;
  return deltaMode === 1 ? deltaY / NOTCH_LINES : deltaY;
}

// A press that moves further than this is no click; a second click within this time makes it a double one.
const STILL_PX = 4;
const SECOND_MS = 260;

function picking(chart: uPlot, hands: Gestures): void {
  let [start, waiting] = [NaN, 0];
  chart.over.addEventListener('pointerdown', (event) => (start = event.shiftKey ? NaN : event.clientX));
  chart.over.addEventListener('click', (event) => {
    clearTimeout(waiting);
    if (event.detail > 1 || event.target !== chart.over || !(Math.abs(event.clientX - start) < STILL_PX))
      return;
    const x = chart.posToVal(event.offsetX, 'x');
    waiting = globalThis.setTimeout(() => hands.onPick(x), SECOND_MS) as unknown as number;
  });
}

/** Whether uPlot should hear a press: not one that measures. */
export function plainPress(_: uPlot, __: HTMLElement, handler: (event: MouseEvent) => null) {
  return (event: MouseEvent) => (event.shiftKey ? null : handler(event));
}

function measuring(chart: uPlot, hands: Gestures): void {
  const box = document.createElement('div');
  const text = document.createElement('span');
  box.className = hands.classes.measure;
  text.className = hands.classes.measureText;
  box.append(text);
  chart.over.addEventListener('pointerdown', (event) => {
    if (!event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const start = { x: event.offsetX, y: event.offsetY };
    const area = chart.over.getBoundingClientRect();
    chart.over.append(box);
    const move = (next: PointerEvent) => {
      const end = { x: next.clientX - area.left, y: next.clientY - area.top };
      box.style.left = `${Math.min(start.x, end.x)}px`;
      box.style.top = `${Math.min(start.y, end.y)}px`;
      box.style.width = `${Math.abs(end.x - start.x)}px`;
      box.style.height = `${Math.abs(end.y - start.y)}px`;
      text.textContent = distance(chart, start, end, hands.unit);
    };
    const stop = () => {
      removeEventListener('pointermove', move);
      box.remove();
    };
    move(event);
    addEventListener('pointermove', move);
    addEventListener('pointerup', stop, { once: true });
  });
}

interface Place {
  x: number;
  y: number;
}

function distance(chart: uPlot, start: Place, end: Place, unit: string): string {
  const [x0, x1] = [chart.posToVal(start.x, 'x'), chart.posToVal(end.x, 'x')];
  const [y0, y1] = [chart.posToVal(start.y, 'y'), chart.posToVal(end.y, 'y')];
  const share = y0 ? `  (${figure((100 * (y1 - y0)) / Math.abs(y0))} %)` : '';
  return `Δx ${placeText(x1 - x0, unit)}   Δy ${figure(y1 - y0)}${share}`;
}

function fingers(chart: uPlot, hands: Gestures): void {
  let [window, gap, about]: [Window, number, number] = [hands.seen(), 0, 0];
  const over = chart.over;
  const between = (touches: TouchList) =>
    Math.abs((touches[0]?.clientX ?? 0) - (touches[1]?.clientX ?? 0)) || 1;
  const left = (touch: Touch | undefined) => (touch?.clientX ?? 0) - over.getBoundingClientRect().left;
  over.addEventListener(
    'touchstart',
    (event) => {
      if (event.touches.length !== 2) return;
      [window, gap] = [hands.seen(), between(event.touches)];
      about = chart.posToVal((left(event.touches[0]) + left(event.touches[1])) / 2, 'x');
    },
    { passive: true },
  );
  over.addEventListener(
    'touchmove',
    (event) => {
      if (event.touches.length === 2) {
        hands.onWindow(zoomed(window, about, gap / between(event.touches), hands.whole()), false);
      } else {
        chart.setCursor({ left: left(event.touches[0]), top: 0 });
      }
    },
    { passive: true },
  );
  over.addEventListener('touchend', () => {
    if (gap) hands.onWindow(within(hands.seen(), hands.whole()), true);
    gap = 0;
  });
}
