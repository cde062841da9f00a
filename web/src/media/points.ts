/** Points in space as they were logged: a PLY file read, and turned to be looked at. */

export interface Points {
  /** x, y, z one behind the other. */
  places: Float32Array;
  /** Red, green and blue of 0 to 255, or null. */
  colors: Uint8Array | null;
  /** The class of each, or null. */
  classes: Float32Array | null;
}

interface Property {
  name: string;
  kind: string;
}

type Read = (view: DataView, at: number) => number;

const KINDS: Readonly<Record<string, readonly [number, Read]>> = {
  char: [1, (view, at) => view.getInt8(at)],
  uchar: [1, (view, at) => view.getUint8(at)],
  short: [2, (view, at) => view.getInt16(at, true)],
  ushort: [2, (view, at) => view.getUint16(at, true)],
  int: [4, (view, at) => view.getInt32(at, true)],
  uint: [4, (view, at) => view.getUint32(at, true)],
  float: [4, (view, at) => view.getFloat32(at, true)],
  double: [8, (view, at) => view.getFloat64(at, true)],
};
const ALSO: Readonly<Record<string, string>> = {
  int8: 'char', uint8: 'uchar', int16: 'short', uint16: 'ushort', int32: 'int', uint32: 'uint',
  float32: 'float', float64: 'double',
}; // prettier-ignore
const END = 'end_header\n';

/** The vertices of a binary (little-endian) or ASCII PLY; null for what is none. */
export function pointsOf(data: ArrayBuffer): Points | null {
  const head = new TextDecoder('latin1').decode(data.slice(0, 4096));
  const end = head.indexOf(END);
  if (!head.startsWith('ply') || end < 0) return null;
  const lines = head.slice(0, end).split('\n');
  const format = lines.find((line) => line.startsWith('format '))?.split(' ')[1];
  const first = lines.findIndex((line) => line.startsWith('element '));
  const [, name, count] = lines[first]?.split(' ') ?? [];
  const num = Number(count);
  if (name !== 'vertex' || !Number.isSafeInteger(num) || num < 0) return null;
  const rest = lines.slice(first + 1);
  const next = rest.findIndex((line) => line.startsWith('element '));
  const properties = (next < 0 ? rest : rest.slice(0, next))
    .filter((line) => line.startsWith('property '))
    .map((line): Property => {
      const [, kind = '', called = ''] = line.split(' ');
      return { kind: ALSO[kind] ?? kind, name: called };
    });
  const body = end + END.length;
  if (format === 'ascii') return ascii(new TextDecoder().decode(data.slice(body)), num, properties);
  return format === 'binary_little_endian' ? binary(new DataView(data, body), num, properties) : null;
}

function binary(view: DataView, num: number, properties: readonly Property[]): Points | null {
  const sizes = properties.map((one) => KINDS[one.kind]?.[0] ?? NaN);
  const stride = sizes.reduce((sum, size) => sum + size, 0);
  if (!(stride > 0) || view.byteLength < stride * num) return null;
  const columns = properties.map((one, index) => {
    const [, read] = KINDS[one.kind] as readonly [number, Read];
    const offset = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
    return Float32Array.from({ length: num }, (_, point) => read(view, point * stride + offset));
  });
  return together(properties, columns, num);
}

function ascii(text: string, num: number, properties: readonly Property[]): Points | null {
  const rows = text.trim().split('\n').slice(0, num);
  if (rows.length < num) return null;
  const cells = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const columns = properties.map((_, index) => Float32Array.from(cells, (row) => row[index] ?? NaN));
  return together(properties, columns, num);
}

function together(
  properties: readonly Property[],
  columns: readonly Float32Array[],
  num: number,
): Points | null {
  const column = (name: string) => columns[properties.findIndex((one) => one.name === name)];
  const mixed = (names: readonly string[]) => {
    const own = names.map(column);
    return own.every((one) => one !== undefined)
      ? Array.from({ length: num }, (_, point) => own.map((one) => one[point] ?? NaN)).flat()
      : null;
  };
  const places = mixed(['x', 'y', 'z']);
  const colors = mixed(['red', 'green', 'blue']);
  if (!places) return null;
  return {
    places: Float32Array.from(places),
    colors: colors && Uint8Array.from(colors),
    classes: column('class') ?? null,
  };
}

/** The middle of points, and how far the farthest lies from it. */
export function ballOf(places: Float32Array): { middle: readonly [number, number, number]; radius: number } {
  const [low, high] = [
    [Infinity, Infinity, Infinity],
    [-Infinity, -Infinity, -Infinity],
  ];
  places.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    low[index % 3] = Math.min(low[index % 3] ?? value, value);
    high[index % 3] = Math.max(high[index % 3] ?? value, value);
  });
  const middle = [0, 1, 2].map((axis) => ((low[axis] ?? 0) + (high[axis] ?? 0)) / 2);
  const half = [0, 1, 2].map((axis) => ((high[axis] ?? 0) - (low[axis] ?? 0)) / 2);
  const radius = Math.hypot(...half);
  const [x = 0, y = 0, z = 0] = middle.map((value) => (Number.isFinite(value) ? value : 0));
  return { middle: [x, y, z], radius: Number.isFinite(radius) && radius > 0 ? radius : 1 };
}

/** Where a point is seen after turning about the upright axis and then up or down: right, up, and towards the eye. */
export function turned(
  [x, y, z]: readonly [number, number, number],
  yaw: number,
  pitch: number,
): readonly [number, number, number] {
  const right = x * Math.cos(yaw) - y * Math.sin(yaw);
  const away = x * Math.sin(yaw) + y * Math.cos(yaw);
  return [right, z * Math.cos(pitch) + away * Math.sin(pitch), z * Math.sin(pitch) - away * Math.cos(pitch)];
}
