/** Curves, rows and a schema that are made up, the same at each visit. */
import type { ChartSeries } from '~/shared/chart/series';
import { type Curve, curveOfPoints } from '~/shared/chart/curve';
import type { Schema } from '~/shared/form/schema';

/** Numbers in [0, 1) that follow from a seed. */
export function dice(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const POINTS = 600;

/** A curve that falls, with noise; now and then without a value. */
export function falling(seed: number, scale = 1, shift = 0): Curve {
  const next = dice(seed + 1);
  const x = Array.from({ length: POINTS }, (_, index) => index * 10);
  const values = x.map(
    (at) => scale * (2 * Math.exp(-at / (900 + 300 * seed)) + 0.2 + 0.12 * (next() - 0.5)) + shift,
  );
  if (seed === 0) values[300] = NaN;
  return curveOfPoints(x, values);
}

/** A curve in buckets of many points, one of which holds a spike. */
export function merged(): Curve {
  const curve = falling(2);
  const last = curve.last.map((at) => at + 9);
  const low = curve.low.map((value) => value - 0.12);
  const high = curve.high.map((value, index) => (index === 400 ? 4.2 : value + 0.14));
  return { ...curve, last, low, high };
}

/** So many series. */
export function several(count: number): ChartSeries[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${index}`,
    label: `digits-${index}`,
    curve: falling(index),
  }));
}

export interface MadeRow {
  name: string;
  status: 'running' | 'done' | 'failed' | 'killed' | 'stopped';
  loss: number;
  started: number;
  spark: number[];
}

/** Rows of a table. */
export function madeRows(count: number): MadeRow[] {
  const next = dice(5);
  const statuses = ['done', 'done', 'done', 'failed', 'killed', 'stopped', 'running'] as const;
  return Array.from({ length: count }, (_, index) => ({
    name: `sweep-${String(index).padStart(5, '0')}`,
    status: statuses[Math.floor(next() * statuses.length)] ?? 'done',
    loss: next() * 2,
    started: 1_795_900_000 - index * 977,
    spark: Array.from({ length: 30 }, (_, at) => Math.exp(-at / 9) + 0.2 * next()),
  }));
}

export const SCHEMA: Schema = {
  required: ['model'],
  properties: {
    model: { type: 'string', description: 'A hub id, a folder, or a run.' },
    steps: { type: 'integer', minimum: 1, default: 1000, description: 'How many updates.' },
    precision: { enum: ['fp32', 'bf16', 'fp16'], default: 'bf16', description: 'Of the forward pass.' },
    rows: { type: 'boolean', default: true, description: 'Whether rows of each step are recorded.' },
    tags: { type: 'array', items: { type: 'string' }, description: 'With commas between.' },
    optimizer: {
      anyOf: [{ $ref: '#/$defs/adamw' }, { $ref: '#/$defs/muon' }],
      description: 'How weights follow gradients.',
    },
  },
  $defs: {
    adamw: {
      description: 'Adam with decoupled weight decay.',
      properties: {
        kind: { const: 'adamw' },
        lr: { type: 'number', exclusiveMinimum: 0, default: 0.0001, description: 'Learning rate.' },
      },
    },
    muon: {
      description: 'Momentum, orthogonalised.',
      properties: {
        kind: { const: 'muon' },
        momentum: { type: 'number', minimum: 0, maximum: 1, default: 0.95 },
      },
    },
  },
};
