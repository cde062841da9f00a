/** A report with what it shows, as the server freezes it; the same in the page and in a file of its own. */
import type { Numeric } from '~/shared/api/numbers';
import { type Curve, numbers } from '~/shared/chart/curve';

export interface TextBlock {
  kind: 'text';
  text: string;
}

export interface ChartBlock {
  kind: 'chart';
  title: string;
  runs: string[];
  metrics: string[];
  x: 'step' | 'tokens' | 'time' | 'flops' | 'cost' | 'energy';
  smoothing: number;
  log_x: boolean;
  log_y: boolean;
}

export interface TableBlock {
  kind: 'table';
  title: string;
  runs: string[];
  columns: string[];
}

export interface PictureBlock {
  kind: 'picture';
  run: string;
  path: string;
  caption: string;
}

export type Block = TextBlock | ChartBlock | TableBlock | PictureBlock;

export interface Content {
  title: string;
  blocks: Block[];
}

export interface Report extends Content {
  id: string;
  version: number;
  made: number;
  changed: number;
  author: string;
}

export interface Series {
  run: string;
  metric: string;
  missing?: string;
  unit?: string;
  first?: Numeric[];
  last?: Numeric[];
  low?: Numeric[];
  high?: Numeric[];
  mean?: Numeric[];
  marks?: { kind: string; first_step: number; last_step: number; count: number }[];
}

/** What a block shows; which parts there are depends on its kind. */
export interface Shown {
  series?: Series[];
  rows?: { run: string; missing?: string; values?: unknown[] }[];
  source?: string;
  missing?: string;
}

export interface Frozen {
  report: Report;
  shown: Shown[];
}

/** The curve of a frozen series. */
export function frozenCurve(series: Series): Curve {
  return {
    first: numbers(series.first ?? []),
    last: numbers(series.last ?? []),
    low: numbers(series.low ?? []),
    high: numbers(series.high ?? []),
    mean: numbers(series.mean ?? []),
    odd: (series.marks ?? []).map((one) => ({
      kind: one.kind,
      from: one.first_step,
      to: one.last_step,
      count: one.count,
    })),
    unit: series.unit ?? 'step',
  };
}

/** What a curve is called where several stand together: what differs between them. */
export function labelOf(series: Series, block: ChartBlock): string {
  if (block.metrics.length === 1) return series.run;
  return block.runs.length === 1 ? series.metric : `${series.run} · ${series.metric}`;
}
