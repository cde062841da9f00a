/** What optimizers keep of a weight, in bytes, as their kinds declare it (`whet.optim.costs`). */
import type { Tensor } from './model';

type Shape = readonly number[];
export type State = 'fp32' | '8bit';

const SMALLEST = 4096; // numbers; smaller tensors keep 32 bits
const RANKS: Readonly<Record<string, number>> = { galore: 128, apollo: 256 };

/** Of all layers that have a tensor like it. */
export function stateBytes(optimizer: string, state: State, one: Tensor): number {
  return one.times * kept(optimizer, state, one.shape, one.role);
}

function kept(optimizer: string, state: State, shape: Shape, role: string): number {
  const rank = RANKS[optimizer] ?? 0;
  const rows = shape[0] ?? 1;
  switch (optimizer) {
    case 'lion':
    case 'sgd':
      return moment(shape, state);
    case 'adam-mini':
      return moment(shape, state) + 4 * (role === 'norm' || role === 'other' ? 1 : rows);
    case 'adafactor':
      return 4 * factored(shape);
    case 'muon':
    case 'galore':
    case 'apollo':
      // What is no matrix is left to AdamW, with its own settings.
      if (!isMatrix(shape, role, rank)) return 2 * moment(shape, 'fp32');
      if (optimizer === 'muon') return moment(shape, state);
      return lowRank(shape, state, rank) + (optimizer === 'apollo' ? 4 * product(shape.slice(0, -2)) : 0);
    default:
      return 2 * moment(shape, state);
  }
}

function moment(shape: Shape, state: State): number {
  const block = state === '8bit' ? blockOf(shape) : 0;
  return product(shape) * (block ? 1 + 4 / block : 4);
}

/** Numbers that share a scale in 8 bits, 0 where 8 bits do not pay. */
function blockOf(shape: Shape): number {
  if (product(shape) < SMALLEST || shape.length < 2) return 0;
  const row = product(shape.slice(1));
  for (let size = 256; size <= 512; size += 1) if (row % size === 0) return size;
  for (let size = 255; size >= 32; size -= 1) if (row % size === 0) return size;
  return 0;
}

function factored(shape: Shape): number {
  if (shape.length < 2) return product(shape);
  return product(shape.slice(0, -1)) + product(shape.slice(0, -2)) * (shape.at(-1) ?? 1);
}

function isMatrix(shape: Shape, role: string, rank: number): boolean {
  const isRole = role === 'matrix' || role === 'expert';
  return isRole && (shape.length === 2 || shape.length === 3) && Math.min(...shape.slice(-2)) >= rank;
}

function lowRank(shape: Shape, state: State, rank: number): number {
  const [rows = 1, columns = 1] = shape.slice(-2);
  const sides = [
    [...shape.slice(0, -1), rank],
    [...shape.slice(0, -2), rank, columns],
  ];
  const [low = [], basis = []] = rows >= columns ? sides : [...sides].reverse();
  return 2 * moment(low, state) + moment(basis, 'fp32');
}

function product(shape: Shape): number {
  return shape.reduce((made, one) => made * one, 1);
}
