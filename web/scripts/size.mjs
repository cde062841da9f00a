/** What a browser loads first, gzipped, part by part; fails above the budget. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_KB = 300;
const page = new URL('../../whet/server/page/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', page), 'utf8'));
const sizeOf = (name) => gzipSync(readFileSync(new URL(name, page)), { level: 9 }).length / 1024;

/** The files of an entry and of whatever it imports at once. */
function filesOf(key, found = new Set()) {
  const chunk = manifest[key];
  if (found.has(chunk.file)) return found;
  for (const file of [chunk.file, ...(chunk.css ?? [])]) found.add(file);
  for (const next of chunk.imports ?? []) filesOf(next, found);
  return found;
}

// The fonts that a page in English loads; those of other scripts come only where their letters stand.
const fonts = Object.values(manifest)
  .map((chunk) => chunk.file)
  .filter((file) => /inter-latin-wght-normal.*woff2$/.test(file));
const first = new Set([...filesOf('index.html'), ...filesOf('src/runs/route.tsx'), ...fonts]);
const table = (title, names) => {
  const rows = [...names].map((name) => [name, sizeOf(name)]).sort((a, b) => b[1] - a[1]);
  const total = rows.reduce((sum, row) => sum + row[1], 0);
  console.log(`\n${title}`);
  for (const [name, size] of rows) console.log(`${size.toFixed(1).padStart(8)} kB  ${name}`);
  console.log(`${total.toFixed(1).padStart(8)} kB  together`);
  return total;
};
const total = table(`First load, gzipped (the runs table; at most ${BUDGET_KB} kB)`, first);
const later = Object.values(manifest).flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]);
table(
  'Loaded when they are opened',
  new Set(later.filter((name) => !first.has(name) && !name.endsWith('.woff2'))),
);
if (total > BUDGET_KB) {
  console.error(`the first load is ${total.toFixed(1)} kB, and may be ${BUDGET_KB} kB`);
  process.exit(1);
}
