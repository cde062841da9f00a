/** Ink: nothing of a curve is lost, whatever its shape, and a part that is drawn alone is that part of the whole. */
import { expect, test } from 'vitest';
import { Ink, type Pen, colorOfText } from './ink';

const RED = colorOfText('#d04000');
const pen = (more: Partial<Pen> = {}): Pen => ({
  color: RED,
  opacity: 1,
  width: 1.5,
  dash: [],
  origin: 0,
  ...more,
});
const [WIDTH, HEIGHT] = [120, 80];

/** Numbers that come again, in [0, 1). */
function drawn(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Buckets with spikes, from `count` places of the picture. */
function buckets(seed: number, count: number) {
  const random = drawn(seed);
  const x = Float32Array.from({ length: count }, (_, index) => ((index + random()) * WIDTH) / count);
  const mean = x.map(() => 30 + 20 * random());
  const high = mean.map((one) => (random() < 0.05 ? 0.5 : one - 4 * random()));
  const low = mean.map((one) => one + 4 * random());
  return { x, mean, high, low, count };
}

function opacity(pixels: Uint8ClampedArray, x: number, y: number): number {
  return pixels[4 * (Math.floor(y) * WIDTH + Math.floor(x)) + 3] ?? 0;
}

test('the lowest and the highest value of every bucket have their pixel', () => {
  for (const count of [3, 40, 117, 900]) {
    const ink = new Ink();
    ink.begin(WIDTH, HEIGHT);
    const { x, high, low } = buckets(count, count);
    ink.band(x, high, low, count, RED, 0.16, 0.4);
    const pixels = ink.finish();
    const found = [high, low].flatMap((edge) =>
      Array.from(x, (at, index) => opacity(pixels, at, edge[index] ?? 0)),
    );
    expect(Math.min(...found)).toBeGreaterThan(30);
  }
});

test('a spike of one bucket is as strong as an edge, up to its tip', () => {
  const ink = new Ink();
  ink.begin(WIDTH, HEIGHT);
  const x = Float32Array.from({ length: WIDTH }, (_, index) => index + 0.5);
  const high = x.map((_, index) => (index === 61 ? 2 : 50));
  ink.band(
    x,
    high,
    x.map(() => 60),
    WIDTH,
    RED,
    0.16,
    0.4,
  );
  const pixels = ink.finish();
  for (let row = 2; row < 49; row++) expect(opacity(pixels, 61.5, row)).toBeGreaterThan(95);
  expect(opacity(pixels, 30, 55)).toBeLessThan(60);
});

test('a line is where its points are, also in the gaps of its dashes, and not where there is none', () => {
  const { x, mean, count } = buckets(7, 60);
  mean[30] = NaN;
  const ink = new Ink();
  ink.begin(WIDTH, HEIGHT);
  ink.line(x, mean, count, pen({ dash: [true, true, false, false] }));
  const pixels = ink.finish();
  for (let index = 0; index < count; index++) {
    const value = mean[index] ?? NaN;
    if (!Number.isNaN(value)) expect(opacity(pixels, x[index] ?? 0, value)).toBeGreaterThan(25);
  }
  const column = Math.floor(((x[29] ?? 0) + (x[31] ?? 0)) / 2);
  const inGap = Array.from({ length: HEIGHT }, (_, row) => opacity(pixels, column, row));
  expect(Math.max(...inGap)).toBe(0);
});

test('a point between gaps is seen', () => {
  const ink = new Ink();
  ink.begin(WIDTH, HEIGHT);
  ink.line(Float32Array.of(10, 50, 90), Float32Array.of(NaN, 40, NaN), 3, pen());
  expect(opacity(ink.finish(), 50, 40)).toBeGreaterThan(200);
});

test('columns that are drawn alone are those of the whole picture', () => {
  const { x, mean, high, low, count } = buckets(11, 90);
  const picture = (left: number, right: number) => {
    const ink = new Ink();
    ink.begin(right - left, HEIGHT);
    const moved = x.map((one) => one - left);
    ink.band(moved, high, low, count, RED, 0.16, 0.4);
    ink.line(moved, mean, count, pen({ dash: [true, true, true, false, false], origin: -left }));
    return ink.finish();
  };
  const [whole, part] = [picture(0, WIDTH), picture(60, WIDTH)];
  for (let row = 0; row < HEIGHT; row++) {
    const [of, from] = [4 * (row * WIDTH + 68), 4 * (row * 60 + 8)];
    const length = 4 * 52;
    const away = whole
      .slice(of, of + length)
      .map((value, index) => Math.abs(value - (part[from + index] ?? 0)));
    expect(Math.max(...away)).toBeLessThanOrEqual(2);
  }
});
