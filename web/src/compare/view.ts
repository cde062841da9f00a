/** The view of a comparison: which runs, over what, against which; all of it is in the address. */
import type { Over } from '~/shared/api/run';
import type { Window } from '~/shared/chart/gestures';
import { listOf, listed, useAddress } from '~/shared/url/search';
import { BANDS, type Band } from './bands';

export const PARTS = ['curves', 'evaluations'] as const;
export type Part = (typeof PARTS)[number];

export interface CompareView {
  runs: readonly string[];
  /** What of them is compared. */
  part: Part;
  x: Over;
  smoothing: number;
  isLog: boolean;
  find: string;
  /** The run that others are told as a difference to; empty for none. */
  baseline: string;
  /** The setting whose values become one curve; empty for none. */
  group: string;
  /** How wide the band about such a curve is. */
  band: Band;
  window: Window | null;
}

export const OVERS: readonly Over[] = ['step', 'tokens', 'time', 'flops', 'cost', 'energy'];

/** The view of the address, and a function that changes parts of it. */
export function useCompareView(): [CompareView, (change: Partial<CompareView>) => void] {
  const [address, change] = useAddress();
  const [from, to] = [Number(address.from ?? NaN), Number(address.to ?? NaN)];
  const runs = listOf(address.runs);
  const view: CompareView = {
    runs,
    part: PARTS.find((one) => one === address.part) ?? 'curves',
    x: OVERS.find((one) => one === address.x) ?? 'step',
    smoothing: Math.min(0.99, Math.max(0, Number(address.smoothing ?? 0) || 0)),
    isLog: address.log === 'yes',
    find: address.find ?? '',
    baseline: runs.includes(address.baseline ?? '') ? (address.baseline ?? '') : '',
    group: address.group ?? '',
    band: BANDS.find((one) => one === address.band) ?? 'range',
    window: from < to ? [from, to] : null,
  };
  return [
    view,
    (part) => {
      const next = { ...view, ...(part.x ? { window: null } : {}), ...part };
      change({
        runs: listed(next.runs),
        part: next.part === 'curves' ? undefined : next.part,
        x: next.x === 'step' ? undefined : next.x,
        smoothing: next.smoothing ? String(next.smoothing) : undefined,
        log: next.isLog ? 'yes' : undefined,
        find: next.find || undefined,
        baseline: next.baseline || undefined,
        group: next.group || undefined,
        band: next.group && next.band !== 'range' ? next.band : undefined,
        from: next.window ? String(Number(next.window[0].toPrecision(8))) : undefined,
        to: next.window ? String(Number(next.window[1].toPrecision(8))) : undefined,
      });
    },
  ];
}
