/** What the screen evaluates is what the engine says, at random points; and the command that is shown prints it. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Asked, addressOf, askedOf, commandOf } from './asked';
import { evaluated, longest, mostAtOnce } from './evaluated';
import type { Choices, Forms, Moment } from './forms';

interface Point {
  asked: Asked;
  forms: Forms;
  moments: Moment[];
  most: number | null;
  rate: number | null;
  first: number | null;
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
const { choices, points } = JSON.parse(python('-m', 'tests.plan.points', '60')) as {
  choices: Choices;
  points: Point[];
};
const cardOf = (asked: Asked) => {
  const found = choices.cards.find((one) => one.name === asked.gpu);
  if (!found) throw new Error(asked.gpu);
  return found;
};
const near = (found: number, expected: number) =>
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected) + 2);
const alike = (found: number | null, expected: number) =>
  expect(Math.abs((found ?? NaN) / expected - 1)).toBeLessThanOrEqual(1e-9);

test('every moment, every component and the speed are those of the engine', () => {
  expect(new Set(points.map((one) => one.asked.mode)).size).toBe(4);
  for (const { asked, forms, moments, rate, first } of points) {
    const found = evaluated(forms, asked, cardOf(asked), choices.assumed);
    expect(found.moments.map((one) => [one.phase, one.what])).toEqual(
      moments.map((one) => [one.phase, one.what]),
    );
    found.moments.forEach((one, index) => {
      near(one.total, moments[index]?.total ?? NaN);
      for (const [name, bytes] of Object.entries(moments[index]?.parts ?? {}))
        near(one.parts[name] ?? 0, bytes);
    });
    if (rate === null) expect(found.tokensPerSecond).toBeNull();
    else alike(found.tokensPerSecond, rate);
    if (first === null) expect(found.first).toBeNull();
    else alike(found.first, first);
  }
});

test('the most at once and the longest are the last that fit', () => {
  for (const { asked, forms, most } of points) {
    const card = cardOf(asked);
    const fits = (change: Partial<Asked>) =>
      evaluated(forms, { ...asked, ...change }, card, choices.assumed).fits;
    const name = asked.mode === 'serve' ? 'users' : 'samples';
    const found = mostAtOnce(forms, asked, card, choices.assumed);
    if (most !== null && most < 1 << 20) expect(found).toBe(most);
    if (found > 0) expect(fits({ [name]: found })).toBe(true);
    if (found < 1024) expect(fits({ [name]: found + 1 })).toBe(false);
    const far = longest(forms, asked, card, choices.assumed);
    if (far > 0) expect(fits({ length: far })).toBe(true);
    if (far > 0 && far < (forms.model.context ?? 131_072)) expect(fits({ length: far + 1 })).toBe(false);
  }
});

test('the commands that are shown print the same peaks', { timeout: 60_000 }, () => {
  const some = (['full', 'qlora', 'serve'] as const).map((mode) => {
    const point = points.find(
      ({ asked, forms }) => asked.mode === mode && asked.length <= (forms.model.context ?? Infinity),
    );
    if (!point) throw new Error(mode);
    return point;
  });
  const commands = some.map(({ asked, forms }) => {
    const precision = forms.kind === 'training' ? forms.precision : undefined;
    return [...commandOf(asked, cardOf(asked), choices.words, precision).split(' ').slice(1), '--json'];
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
  for (const { asked } of points) {
    const address = addressOf(asked);
    expect(askedOf(address)).toEqual(
      Object.fromEntries(Object.keys(askedOf({})).map((name) => [name, asked[name as keyof Asked]])),
    );
  }
  expect(askedOf({ mode: 'odd', length: '-3', gpus: 'x', recompute: 'no' })).toEqual({
    ...askedOf({}),
    recompute: false,
  });
});
