/** The life of a chart: built once, painted as data comes and hands move, built anew when its axes or the theme change. */
import { type RefObject, useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '~/shared/theme/theme';
import { built } from './build';
import { STEPS } from './curve';
import type { Window } from './gestures';
import { type Together, useTogether } from './Group';
import type { ChartMark } from './marks';
import { shapeOf } from './scales';
import { type ChartSeries, type Line, linesOf, spanOf } from './series';

export interface PlotOptions {
  series: readonly ChartSeries[];
  hidden: ReadonlySet<string>;
  height: number;
  isLog: boolean;
  marks: readonly ChartMark[];
  onMark?: (mark: ChartMark) => void;
  onPlace: (x: number | null) => void;
  onPick?: (x: number) => void;
  /** The first and last place of all there is, when `series` holds a window of it. */
  whole?: Window;
}

interface Now {
  options: PlotOptions;
  together: Together;
  lines: readonly Line[];
}

/** Draws into `place`; the chart, for pictures of it. */
export function usePlot(
  place: RefObject<HTMLDivElement | null>,
  options: PlotOptions,
): RefObject<uPlot | null> {
  const together = useTogether();
  const theme = useTheme();
  const { series, hidden, isLog } = options;
  const lines = useMemo(
    // The colours are those of the theme.
    () => (theme ? linesOf(series, hidden, together.smoothing) : []),
    [series, hidden, together.smoothing, theme],
  );
  const latest = useRef<Now>({ options, together, lines });
  useLayoutEffect(() => {
    latest.current = { options, together, lines };
  });
  const plot = useRef<uPlot | null>(null);
  const show = useRef<(() => void) | null>(null);
  const shape = useMemo(() => shapeOf(series, isLog), [series, isLog]);
  const unit = series[0]?.curve.unit ?? STEPS;
  const key = JSON.stringify([unit, shape, theme, together.key]);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const now = () => latest.current;
    const { moving } = now().together;
    const whole = () => now().options.whole ?? spanOf(now().options.series);
    const seen = () => moving.window ?? whole();
    const chart = built(element, {
      unit,
      shape,
      key: now().together.key,
      moving,
      width: Math.max(80, element.clientWidth),
      height: now().options.height,
      lines: () => now().lines,
      marks: () => now().options.marks,
      onMark: (mark) => now().options.onMark?.(mark),
      whole,
      seen,
      onWindow: (window, isFinal) => {
        moving.to(window, isFinal);
        if (isFinal) now().together.onWindow(window);
      },
      onPick: (x) => now().options.onPick?.(x),
      onPlace: (x) => now().options.onPlace(x),
    });
    plot.current = chart;
    const screen = onScreen(element, chart, seen);
    show.current = screen.show;
    moving.charts.add(screen.show);
    screen.show();
    // Numbers beside the axes were drawn in another font, if ours had not come yet.
    void document.fonts?.ready.then(() => plot.current === chart && chart.redraw(false, true));
    return () => {
      moving.charts.delete(screen.show);
      screen.stop();
      chart.destroy();
      plot.current = show.current = null;
    };
    // What stands in the key is made of `unit` and `shape`.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, place]);

  useEffect(() => show.current?.(), [lines, options.marks, options.whole]);
  useEffect(
    () => plot.current?.setSize({ width: plot.current.width, height: options.height }),
    [options.height],
  );
  return plot;
}

/** Shows the window that is `seen` whenever it is asked to; of a chart that is off the screen, once it comes there. */
function onScreen(
  element: HTMLElement,
  chart: uPlot,
  seen: () => Window,
): { show: () => void; stop: () => void } {
  let [isOn, isStale] = [true, false];
  const show = () => {
    isStale = !isOn;
    if (isStale) return;
    const [min, max] = seen();
    chart.setScale('x', { min, max });
  };
  const places = new IntersectionObserver((entries) => {
    isOn = entries.at(-1)?.isIntersecting ?? true;
    if (isOn && isStale) show();
  });
  const sizes = new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width > 0 && width !== chart.width) chart.setSize({ width, height: chart.height });
  });
  places.observe(element);
  sizes.observe(element);
  return {
    show,
    stop: () => {
      places.disconnect();
      sizes.disconnect();
    },
  };
}
