import { expect, test } from 'vitest';
import { ballOf, pointsOf, turned } from './points';

function ply(lines: readonly string[], body: ArrayBuffer | string): ArrayBuffer {
  const head = new TextEncoder().encode(`ply\n${lines.join('\n')}\nend_header\n`);
  const rest = typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body);
  const whole = new Uint8Array(head.length + rest.length);
  whole.set(head);
  whole.set(rest, head.length);
  return whole.buffer;
}

const XYZ = ['property float x', 'property float y', 'property float z'];

test('points with colours are read as they were written', () => {
  const body = new ArrayBuffer(2 * 15);
  const view = new DataView(body);
  [1, 2, 3].forEach((value, index) => view.setFloat32(4 * index, value, true));
  [-1, -2, -3].forEach((value, index) => view.setFloat32(15 + 4 * index, value, true));
  [255, 0, 7].forEach((value, index) => view.setUint8(12 + index, value));
  const colors = ['red', 'green', 'blue'].map((name) => `property uchar ${name}`);
  const found = pointsOf(
    ply(['format binary_little_endian 1.0', 'element vertex 2', ...XYZ, ...colors], body),
  );
  expect([...(found?.places ?? [])]).toEqual([1, 2, 3, -1, -2, -3]);
  expect([...(found?.colors ?? [])]).toEqual([255, 0, 7, 0, 0, 0]);
  expect(found?.classes).toBeNull();
});

test('points as text, with faces behind them', () => {
  const lines = ['format ascii 1.0', 'comment c', 'element vertex 1', ...XYZ, 'property float32 class'];
  const found = pointsOf(
    ply([...lines, 'element face 1', 'property list uchar int v'], '1 2 3 4\n3 0 0 0\n'),
  );
  expect([...(found?.places ?? [])]).toEqual([1, 2, 3]);
  expect([...(found?.classes ?? [])]).toEqual([4]);
});

test('what is cut off or something else is no points', () => {
  const lines = ['format binary_little_endian 1.0', 'element vertex 9', ...XYZ];
  expect(pointsOf(ply(lines, new ArrayBuffer(12)))).toBeNull();
  expect(pointsOf(ply(['format ascii 1.0', 'element vertex x'], ''))).toBeNull();
  expect(pointsOf(new TextEncoder().encode('glTF').buffer)).toBeNull();
});

test('the ball holds all points, and turning keeps distances', () => {
  const { middle, radius } = ballOf(Float32Array.from([0, 0, 0, 2, 4, 4, NaN, 1, 1]));
  expect([...middle, radius]).toEqual([1, 2, 2, 3]);
  expect(ballOf(Float32Array.from([]))).toEqual({ middle: [0, 0, 0], radius: 1 });
  expect(Math.hypot(...turned([1, 2, 3], 0.7, -0.3))).toBeCloseTo(Math.hypot(1, 2, 3), 9);
});
