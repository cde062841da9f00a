/** Blocks as they are written: new ones, moved ones, and names between commas. */
import type { Block } from '~/shared/report/frozen';

export const KINDS = ['text', 'chart', 'table', 'picture'] as const;

/** An empty block. */
export function fresh(kind: Block['kind']): Block {
  switch (kind) {
    case 'text':
      return { kind, text: '' };
    case 'chart':
      return {
        kind, title: '', runs: [], metrics: ['loss'], x: 'step', smoothing: 0, log_x: false, log_y: false,
      }; // prettier-ignore
    case 'table':
      return { kind, title: '', runs: [], columns: ['loss'] };
    case 'picture':
      return { kind, run: '', path: '', caption: '' };
  }
}

/** A list with one of its entries moved by so many places. */
export function movedBlock<T>(list: readonly T[], index: number, by: number): T[] {
  const next = [...list];
  const [one] = next.splice(index, 1);
  if (one !== undefined) next.splice(index + by, 0, one);
  return next;
}

/** Names of a text with commas between, each once. */
export function namesOf(text: string): string[] {
  return [...new Set(text.split(',').map((name) => name.trim()))].filter(Boolean);
}

/** A block as it is sent. */
export function ready(block: Block): Block {
  return block.kind === 'chart'
    ? { ...block, smoothing: Math.min(0.99, Math.max(0, block.smoothing)) }
    : block;
}
