import { expect, test } from 'vitest';
import { type MeshPage, piecesOf, placed } from './mesh';

const mesh: MeshPage = {
  sizes: { replicate: 1, shard: 2, tensor: 2 },
  ranks: [0, 1, 2, 3].map((rank) => ({
    rank,
    place: { replicate: 0, shard: rank >> 1, tensor: rank & 1 },
    bytes: 1,
  })),
  weights: [],
};

test('a rank is called by its place on the axes that have several ranks', () => {
  expect(placed(2, mesh)).toBe('2 (shard 1, tensor 0)');
  expect(placed(9, mesh)).toBe('9');
  expect(placed(1, undefined)).toBe('1');
  expect(placed(1, { ...mesh, sizes: { shard: 4 } })).toBe('1');
});

test('a weight is cut by what FSDP shards over, times the others', () => {
  expect(piecesOf({ fsdp: 0, tensor: 1 }, { shard: 2, context: 3, tensor: 4 })).toBe(24);
  expect(piecesOf({}, { shard: 2 })).toBe(1);
  const sizes = { shard: 2, context: 3, expert: 5, tensor: 7 };
  expect(piecesOf({ fsdp: 0, tensor: 1 }, sizes)).toBe(2 * 3 * 5 * 7);
  expect(piecesOf({ part: 0, model: 0 }, sizes)).toBe(2 * 3 * 5 * 7);
});
