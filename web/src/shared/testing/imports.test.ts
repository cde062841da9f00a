/** How files import each other: never in a circle, features nothing of one another, shared parts nothing of a feature. */
import { expect, test } from 'vitest';

const FILES = import.meta.glob<string>('/src/**/*.{ts,tsx}', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const files = Object.keys(FILES).filter((path) => !/\.test\.tsx?$|\.d\.ts$/.test(path));

/** The files that one names, types too; what is loaded later by `import()` is not among them. */
function importsOf(path: string): string[] {
  const named = [...(FILES[path] ?? '').matchAll(/^(?:import|export)\s[^;'"]*?from '([^']+)'/gm)];
  return named.flatMap(([, name = '']) => {
    if (!/^[.~]/.test(name)) return [];
    const base = name.startsWith('~/') ? `/src/${name.slice(2)}` : new URL(name, `http://x${path}`).pathname;
    return [base, `${base}.ts`, `${base}.tsx`].filter((one) => files.includes(one));
  });
}

/** A way from a file back to itself, or null. */
function circle(path: string, seen: string[], done: Set<string>): string[] | null {
  if (seen.includes(path)) return [...seen.slice(seen.indexOf(path)), path];
  if (done.has(path)) return null;
  for (const next of importsOf(path)) {
    const found = circle(next, [...seen, path], done);
    if (found) return found;
  }
  done.add(path);
  return null;
}

test('no file imports itself, however far around', () => {
  const done = new Set<string>();
  expect(files.length).toBeGreaterThan(100);
  expect(files.map((path) => circle(path, [], done)).filter(Boolean)).toEqual([]);
});

test('a feature imports shared parts and its own, and shared parts no feature', () => {
  const homeOf = (path: string) => path.split('/')[2] ?? '';
  // The list of features is what the shell is made of.
  const wrong = files.flatMap((path) =>
    importsOf(path)
      .filter((one) => !['shared', homeOf(path), 'features.ts'].includes(homeOf(one)))
      .map((one) => `${path} imports ${one}`),
  );
  expect(wrong.filter((one) => !/^\/src\/(main|viewer|planner)\.tsx/.test(one))).toEqual([]);
});
