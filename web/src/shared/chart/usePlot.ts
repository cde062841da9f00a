/** The life of a chart: built once, given new data as it comes, built anew when its shape or the theme changes. */
import { type RefObject, useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '~/shared/theme/theme';
import { type ChartSeries, dataOf, shapeOf } from './aligned';
import { built } from './build';
import type { Window } from './gestures';
import { type Together, useTogether } from './Group';
import type { ChartMark } from './marks';

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

/** The first and last place of curves. */
export function spanOf(series: readonly ChartSeries[]): Window {
  let [low, high] = [Infinity, -Infinity];
  for (const { curve } of series) {
    low = Math.min(low, curve.first[0] ?? Infinity);
    high = Math.max(high, curve.last.at(-1) ?? -Infinity);
  }
  return low < high ? [low, high] : [Number.isFinite(low) ? low : 0, (Number.isFinite(low) ? low : 0) + 1];
}

/** Draws into `place`; the chart, for pictures of it. */
export function usePlot(
  place: RefObject<HTMLDivElement | null>,
  options: PlotOptions,
): RefObject<uPlot | null> {
  const together = useTogether();
  const theme = useTheme();
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ options, together });
  useLayoutEffect(() => {
    latest.current = { options, together };
  });
  const shape = useMemo(
    () => shapeOf(options.series, together.smoothing),
    [options.series, together.smoothing],
  );
  const scale = `${options.isLog}`;
  const key = JSON.stringify([shape, scale, theme, [...options.hidden], together.key]);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const { options: now } = latest.current;
    const chart = built(element, {
      series: now.series,
      shape: shapeOf(now.series, latest.current.together.smoothing),
      hidden: now.hidden,
      isLog: now.isLog,
      smoothing: latest.current.together.smoothing,
      width: Math.max(80, element.clientWidth),
      height: now.height,
      sync: latest.current.together.key,
      marks: () => latest.current.options.marks,
      onMark: (mark) => latest.current.options.onMark?.(mark),
      whole: () => latest.current.options.whole ?? spanOf(latest.current.options.series),
      onWindow: (window, isFinal) => move(latest.current, window, isFinal),
      onPick: (x) => latest.current.options.onPick?.(x),
      onPlace: (x) => latest.current.options.onPlace(x),
    });
    plot.current = chart;
    const { charts, window } = latest.current.together;
    charts.add(chart);
    // Numbers beside the axes were drawn in another font, if ours had not come yet.
    void document.fonts?.ready.then(() => plot.current === chart && chart.redraw(false, true));
    show(chart, window, now);
    const watch = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== chart.width) chart.setSize({ width, height: latest.current.options.height });
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
      charts.delete(chart);
      chart.destroy();
      plot.current = null;
    };
  }, [key, place]);

  const drawn = useRef<readonly ChartSeries[] | null>(null);
  useEffect(() => {
    const chart = plot.current;
    if (!chart || drawn.current === options.series) return;
    drawn.current = options.series;
    chart.setData(dataOf(options.series, shape, together.smoothing), false);
    show(chart, together.window, options);
  }, [options, shape, together.smoothing, together.window]);

  useEffect(() => {
    if (plot.current) show(plot.current, together.window, latest.current.options);
  }, [together.window, options.marks]);
  useEffect(
    () => plot.current?.setSize({ width: plot.current.width, height: options.height }),
    [options.height],
  );
  return plot;
}

function show(chart: uPlot, window: Window | null, options: PlotOptions): void {
  const [min, max] = window ?? options.whole ?? spanOf(options.series);
  chart.setScale('x', { min, max });
}

/** All charts of the group move at once; what was chosen is told when it is final. */
function move(
  latest: { options: PlotOptions; together: Together },
  window: Window | null,
  isFinal: boolean,
): void {
  const [min, max] = window ?? latest.options.whole ?? spanOf(latest.options.series);
  for (const chart of latest.together.charts) chart.setScale('x', { min, max });
  if (isFinal) latest.together.onWindow(window);
}
