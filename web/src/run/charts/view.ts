/** The view of the charts: window, axis, smoothing, what is looked for; all of it is in the address. */
import type { Over } from '~/shared/api/run';
import type { Window } from '~/shared/chart/gestures';
import { listOf, listed, useAddress } from '~/shared/url/search';

export interface ChartView {
  window: Window | null;
  x: Over;
  smoothing: number;
  isLog: boolean;
  find: string;
  /** The only curves to show; all where it is empty. */
  names: readonly string[];
}

export const OVERS: readonly Over[] = ['step', 'tokens', 'time', 'flops', 'cost', 'energy'];

/** The view of the address, and a function that changes parts of it. Another axis has another window. */
export function useChartView(): [ChartView, (change: Partial<ChartView>) => void] {
  const [address, change] = useAddress();
  const [from, to] = [Number(address.from ?? NaN), Number(address.to ?? NaN)];
  const view: ChartView = {
    window: from < to ? [from, to] : null,
    x: OVERS.find((one) => one === address.x) ?? 'step',
    smoothing: Math.min(0.99, Math.max(0, Number(address.smoothing ?? 0) || 0)),
    isLog: address.log === 'yes',
    find: address.find ?? '',
    names: listOf(address.names),
  };
  return [
    view,
    (part) => {
      const next = { ...view, ...(part.x ? { window: null } : {}), ...part };
      change({
        from: next.window ? short(next.window[0]) : undefined,
        to: next.window ? short(next.window[1]) : undefined,
        x: next.x === 'step' ? undefined : next.x,
        smoothing: next.smoothing ? String(next.smoothing) : undefined,
        log: next.isLog ? 'yes' : undefined,
        find: next.find || undefined,
        names: listed(next.names),
      });
    },
  ];
}

const short = (value: number) => String(Number(value.toPrecision(8)));
