/** What the screen evaluates is what the engine says, at random points; and the command that is shown prints it. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Asked, addressOf, askedOf, commandOf } from './asked';
import { withPairs } from './engine/architecture';
import type { Calibration } from './engine/calibration';
import { modelOf } from './engine/model';
import { evaluated, longest, mostAtOnce, type Task, taskOf } from './evaluated';
import type { Moment } from './forms';
import { attempt } from './source';
import type { Tables } from './tables';

interface Point {
  asked: Partial<Asked> & { is_measured: boolean };
  refused?: string;
  moments: Moment[];
  most: number | null;
  rate: number | null;
  first: number | null;
  stage: string;
  host: number;
}

const root = new URL('../../..', import.meta.url).pathname;
const python = (...words: string[]) =>
  execFileSync(process.env.PYTHON ?? 'python3', words, {
    cwd: root,
    maxBuffer: 256 << 20,
    env: { ...process.env, PYTHONPATH: root },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const { whole, measured, points } = JSON.parse(python('-m', 'tests.plan.points', '120')) as {
  whole: Tables;
  measured: Calibration;
  points: Point[];
};
const askedAt = ({ asked }: Point): Asked => ({ ...askedOf({}), ...asked });
const cardOf = (asked: Asked) => {
  const found = whole.cards.find((one) => one.name === asked.gpu);
  if (!found) throw new Error(asked.gpu);
  return found;
};
const modelAt = (asked: Asked) => {
  const known = whole.models.find((one) => one.short === asked.model);
  const told = whole.architectures[String(known?.config.model_type)];
  if (!known || !told) throw new Error(asked.model);
  return modelOf(known.name, known.config, withPairs(told));
};
const tried = (point: Point) => {
  const asked = askedAt(point);
  const own = point.asked.is_measured && asked.mode !== 'serve' ? measured : null;
  return attempt(() => taskOf({ model: modelAt(asked), measured: own }, asked, cardOf(asked), whole));
};
const task = (point: Point): Task => {
  const found = tried(point);
  if (found.data) return found.data;
  throw found.error ?? new Error('nothing');
};
const near = (found: number, expected: number) =>
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected) + 2);
const alike = (found: number | null, expected: number) =>
  expect(Math.abs((found ?? NaN) / expected - 1)).toBeLessThanOrEqual(1e-9);
const planned = points.filter((one) => one.refused === undefined);

test(
  'every moment, every component and the speed are those of the engine, on any mesh',
  { timeout: 30_000 },
  () => {
    expect(new Set(planned.map((one) => one.asked.mode)).size).toBe(4);
    for (const axis of ['pipeline', 'tensor', 'context', 'replicate', 'expert'] as const)
      expect(planned.some((one) => (one.asked[axis] ?? 1) > 1)).toBe(true);
    for (const point of planned) {
      const found = evaluated(task(point));
      expect(found.moments.map((one) => [one.phase, one.what])).toEqual(
        point.moments.map((one) => [one.phase, one.what]),
      );
      expect(found.stage).toBe(point.stage);
      near(found.hostBytes, point.host);
      found.moments.forEach((one, index) => {
        near(one.total, point.moments[index]?.total ?? NaN);
        for (const [name, bytes] of Object.entries(point.moments[index]?.parts ?? {}))
          near(one.parts[name] ?? 0, bytes);
      });
      if (point.rate === null) expect(found.tokensPerSecond).toBeNull();
      else alike(found.tokensPerSecond, point.rate);
      if (point.first === null) expect(found.first).toBeNull();
      else alike(found.first, point.first);
    }
  },
);

test('what the engine refuses the screen refuses, with the same arithmetic', () => {
  const refused = points.filter((one) => one.refused !== undefined);
  expect(refused.length).toBeGreaterThan(5);
  for (const point of refused) expect(tried(point).error?.message).toBe(point.refused);
});

test('the most at once and the longest are the last that fit', { timeout: 30_000 }, () => {
  for (const point of planned.slice(0, 20)) {
    const fits = (change: Partial<Asked>) =>
      evaluated(task({ ...point, asked: { ...point.asked, ...change } })).fits;
    const name = point.asked.mode === 'serve' ? 'users' : 'samples';
    const found = mostAtOnce(task(point));
    if (point.most !== null && point.most < 1 << 20) expect(found).toBe(point.most);
    if (found > 0) expect(fits({ [name]: found })).toBe(true);
    if (found < 1024) expect(fits({ [name]: found + 1 })).toBe(false);
    const far = longest(task(point));
    const context = task(point).model.context ?? 131_072;
    if (far > 0) expect(fits({ length: far })).toBe(true);
    if (far > 0 && far < context) expect(fits({ length: far + 1 })).toBe(false);
  }
});

test('the commands that are shown print the same peaks', { timeout: 60_000 }, () => {
  const isShort = (point: Point) => (point.asked.length ?? 0) <= (task(point).model.context ?? Infinity);
  const some = [
    ...(['full', 'lora', 'qlora', 'serve'] as const).map((mode) => (one: Point) => one.asked.mode === mode),
    (one: Point) => one.asked.sequence === true && (one.asked.tensor ?? 1) > 1 && one.asked.mode === 'full',
    (one: Point) => (one.asked.pipeline ?? 1) > 1 && one.asked.mode === 'full',
  ].map((fits) => {
    const point = planned.find((one) => fits(one) && !one.asked.is_measured && isShort(one));
    if (!point) throw new Error(String(fits));
    return point;
  });
  const commands = some.map((point) => {
    const asked = askedAt(point);
    return [...commandOf(asked, cardOf(asked), whole.words, true).split(' ').slice(1), '--json'];
  });
  const said = python('-c', PRINTED, JSON.stringify(commands));
  (JSON.parse(said) as number[]).forEach((peak, index) =>
    near(peak, Math.max(...(some[index]?.moments ?? []).map((one) => one.total))),
  );
});

/** The peaks that commands print, in one process. */
const PRINTED = `
import contextlib, io, json, sys
from whet.cli.main import main
peaks = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(words) in (0, 4), words
    peaks.append(json.loads(said.getvalue())["peak_bytes"])
print(json.dumps(peaks))
`;

test('what stands in the address is what was asked', () => {
  for (const point of points) {
    const { is_measured: _, ...asked } = { ...askedAt(point), is_measured: false };
    expect(askedOf(addressOf(asked))).toEqual(asked);
  }
  const odd = { mode: 'odd', length: '-3', gpus: 'x', tensor: '1e99', rank: 'NaN', recompute: 'none' };
  expect(askedOf(odd)).toEqual({ ...askedOf({}), recompute: 'none' });
});
