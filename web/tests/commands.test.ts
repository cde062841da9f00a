/** The command below each view is typed as it stands there, and must succeed. */
import { dirname } from 'node:path';
import { expect, inject, test } from 'vitest';
import { opened } from './browser';
import { python } from './served';

const VIEWS = [
  '/runs?filter=tag%20%3D%3D%20%22sweep%22&sort=loss',
  '/runs/digits-2',
  '/runs/digits-2/overview',
  '/runs/leaping/diagnosis',
  '/runs/leaping/samples?step=27',
  '/runs/talking/console',
  '/runs/ranks/console?rank=0',
  '/runs/ranks/system',
  '/runs/meshed/system',
  '/compare?runs=digits-0,digits-1',
  '/compare?runs=taught,rewarded&part=evaluations&baseline=taught',
  '/runs/taught/data?source=1&row=3',
  '/runs/taught/data?find=lazy',
  '/runs/taught/lineage',
  '/runs/taught/lineage?step=12',
  '/runs/taught/evaluations',
  '/runs/rewarded/rollouts',
  '/runs/rewarded/rollouts?find=owl',
  '/runs/shop/requests',
  '/runs/drawn/media',
  '/registry?versions=yes',
  '/registry/owls',
  '/registry/owls?compare=1,2',
  '/boards',
  '/boards/digits',
];
// Each in turn within one process, of what takes the whole terminal one frame: what is typed, what it printed, and with which status it ended.
const TYPED = `
import contextlib, io, json, shlex, sys
from whet.cli.main import main
for line in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        words = shlex.split(line)[1:]
        status = main([*words, *(["--once"] if words[0] == "top" else [])])
    print(json.dumps([line, status, out.getvalue()]))
`;

test('every command is whole: it runs as it is copied, and prints something', async () => {
  // Of a logged page the scripts are blocked, and what it would load.
  const page = await opened('/runs', { forgiven: /Blocked script execution|NotSameOrigin/ });
  const lines: string[] = [];
  for (const view of VIEWS) {
    await page.goto(new URL(view, page.url()).href);
    lines.push(await page.locator('[title="The same in the terminal"] code').last().innerText());
  }
  const said = await python(['-c', TYPED, JSON.stringify(lines)], { cwd: dirname(inject('root')) });
  const done = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [string, number, string]);
  expect(done.map(([line]) => line)).toEqual(lines);
  expect(done.filter(([, status, out]) => status !== 0 || !out.trim())).toEqual([]);
});
