/** A node in words: what it is, and the most telling of what is known of it. */
import { isNumeric, real } from '~/shared/api/numbers';
import { bytes, figure } from '~/shared/format/numbers';
import type { said } from '~/shared/i18n/i18n';
import type { Node } from './queries';
import type { words } from './strings';

type Said = ReturnType<typeof said<typeof words>>;

/** The last part of a path. */
export const nameOf = (path: string): string => path.split('/').at(-1) ?? path;

/** An input's place in the config, and its file: `data.train.0.path: rows.jsonl`. */
function placed(text: string): [string, string] {
  const at = text.indexOf(': ');
  return at < 0 ? ['', text] : [text.slice(0, at), nameOf(text.slice(at + 2))];
}

export function titleOf(node: Node, said: Said): string {
  const span = /^steps:(\d+)-(\d+)$/.exec(node.id);
  if (span) return said.spanOf(figure(Number(span[1])), figure(Number(span[2])));
  if (node.kind === 'steps') return said.oneStep(figure(node.step ?? 0));
  if (node.kind === 'checkpoint' && node.step !== null) return said.oneStep(figure(node.step));
  if (node.kind === 'input') return placed(node.text)[1];
  const { source, row } = node.facts;
  if (typeof source === 'string' && typeof row === 'number') return said.rowOf(nameOf(source), row);
  return node.text;
}

/** One line below the title; empty where nothing is known. */
export function factOf(node: Node, said: Said): string {
  const { bytes: size, digest, loss, losses } = node.facts;
  if (typeof size === 'number') return bytes(size);
  if (node.kind === 'input') return placed(node.text)[0] || String(digest ?? '').slice(0, 12);
  if (isNumeric(loss)) return said.lossOf(figure(real(loss)));
  if (Array.isArray(losses)) return said.lossOf(losses.map((one) => figure(real(one))).join(', '));
  return Object.entries(node.facts)
    .filter(([, value]) => isNumeric(value))
    .slice(0, 2)
    .map(([name, value]) => `${name} ${figure(real(value))}`)
    .join(' · ');
}
