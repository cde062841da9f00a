/** Writes src/shared/api/schema.d.ts from the app's OpenAPI; with --check it only says whether the file is current. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import openapi, { astToString } from 'openapi-typescript';

const file = new URL('../src/shared/api/schema.d.ts', import.meta.url);
const root = new URL('../..', import.meta.url).pathname;
const program = `
import json, tempfile
from pathlib import Path
from whet.server.app import schema
print(json.dumps(schema(), sort_keys=True))
`;
const said = execFileSync(process.env.PYTHON ?? 'python3', ['-c', program], {
  cwd: root,
  maxBuffer: 64 << 20,
  env: { ...process.env, PYTHONPATH: root },
});
const head = '/** Generated from the OpenAPI of whet/server by `npm run schema`: not to be edited. */\n';
const text = head + astToString(await openapi(JSON.parse(said.toString())));
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('web/src/shared/api/schema.d.ts is not what the server says: make web-schema');
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
