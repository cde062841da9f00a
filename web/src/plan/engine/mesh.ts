/** A mesh of ranks: how many each axis has, what one rank has of each size, and the arithmetic of one that cannot be. */
import type { Model } from './model';
import { hasExperts, refused } from './model';
import type { Sizes } from './formulas';

// From the outermost axis to the innermost, whose ranks are neighbours and talk most.
export const AXES = ['pipeline', 'replicate', 'shard', 'context', 'expert', 'tensor'] as const;
export type Axis = (typeof AXES)[number];

export interface Mesh extends Readonly<Record<Axis, number>> {
  zero: number;
  /** Whether ranks of `tensor` have some of the tokens each between matrices. */
  sequence: boolean;
}

export const ONE: Mesh = {
  pipeline: 1, replicate: 1, shard: 1, context: 1, expert: 1, tensor: 1, zero: 3, sequence: false,
}; // prettier-ignore

export function ranksOf(mesh: Mesh): number {
  return AXES.reduce((made, axis) => made * mesh[axis], 1);
}

/** Ranks that see different samples. */
export function readersOf(mesh: Mesh): number {
  return mesh.replicate * mesh.shard * mesh.expert;
}

/** Ranks over which FSDP cuts a weight that is no expert's. */
export function shardsOf(mesh: Mesh): number {
  return mesh.shard * mesh.context * mesh.expert;
}

/** Ranks that FSDP cuts a weight into: of experts that ranks have for themselves, those with the same ones. */
export function cutOf(mesh: Mesh, role: string): number {
  return role === 'expert' && mesh.expert > 1 ? mesh.shard * mesh.context : shardsOf(mesh);
}

/** Axes with several ranks, the outermost first. */
export function axesOf(mesh: Mesh): readonly (readonly [Axis, number])[] {
  return AXES.filter((axis) => mesh[axis] > 1).map((axis) => [axis, mesh[axis]]);
}

/** As runs are called by in the table of what was measured. */
export function meshName(mesh: Mesh): string {
  const named = axesOf(mesh).map(([axis, size]) => `${axis} ${size}`);
  if (shardsOf(mesh) > 1) named.push(`zero ${mesh.zero}`);
  return named.join(', ') || 'one rank';
}

/** The sizes of what one rank holds and computes. */
export function ownSizes(mesh: Mesh, sizes: Sizes): Sizes {
  const cut: Record<string, number> = {
    num_attention_heads: mesh.tensor, num_key_value_heads: mesh.tensor, intermediate_size: mesh.tensor,
    vocab_size: mesh.tensor, num_experts: mesh.expert * mesh.tensor, num_experts_per_tok: mesh.tensor,
    n_shared_experts: mesh.tensor, tokens: mesh.context, trained: mesh.context,
  }; // prettier-ignore
  if ((sizes.vocab_size ?? 0) % mesh.tensor) cut.vocab_size = 1;
  if ('kv_lora_rank' in sizes) cut.num_attention_heads = cut.num_key_value_heads = 1;
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, size / (cut[name] ?? 1)]));
}

/** Raises, with the arithmetic, what refuses a mesh of another number of ranks or one that does not divide. */
export function checkMesh(mesh: Mesh, model: Model, cards: number, quantize: string | null): void {
  checkRanks(mesh, cards);
  for (const [axis, size, what] of cuts(model)) {
    const parts = axis === 'model' ? mesh.expert * mesh.tensor : mesh.tensor;
    if (size % parts === 0) continue;
    const own = axis === 'model' && mesh.expert > 1 ? 'expert' : 'tensor';
    const fitting = Math.max(1, Math.floor((gcd(size, parts) * mesh[own]) / parts));
    const named =
      own === 'expert' && mesh.tensor > 1
        ? `expert ${mesh.expert} x tensor ${mesh.tensor}`
        : `${own} ${mesh[own]}`;
    throw refused(
      `${what} ${size} / ${named} = ${Number((size / parts).toPrecision(4))}, which is no whole number`,
      `${own} ${fitting}`,
      own,
    );
  }
  if (mesh.expert > 1 && !hasExperts(model))
    throw refused(`\`${model.name}\` has no experts to deal out`, 'expert 1', 'expert');
  checkStages(mesh, model.layers.length);
  if (quantize !== null && mesh.tensor > 1)
    throw refused(`ranks of \`tensor\` do not share matrices in ${quantize}`, 'tensor 1', 'tensor');
}

export function checkRanks(mesh: Mesh, cards: number): void {
  const ranks = ranksOf(mesh);
  if (ranks === cards) return;
  const shown = axesOf(mesh)
    .map(([axis, size]) => `${axis} ${size}`)
    .join(' x ');
  const equal = shown.includes(' x ')
    ? `${shown} = ${ranks} ranks`
    : `${shown || 'shard 1'} asks for ${ranks} ranks`;
  throw refused(`${equal}, and there are ${cards} cards`, `${ranks} cards`, 'mesh');
}

export function checkStages(mesh: Mesh, layers: number): void {
  if (mesh.pipeline > layers)
    throw refused(
      `${layers} layers cannot be dealt to ${mesh.pipeline} stages`,
      `pipeline ${layers}`,
      'pipeline',
    );
}

function* cuts({ sizes }: Model): Generator<readonly ['tensor' | 'model', number, string]> {
  if (!('kv_lora_rank' in sizes)) {
    yield ['tensor', sizes.num_attention_heads ?? 1, 'heads'];
    yield ['tensor', sizes.num_key_value_heads ?? 1, 'key heads'];
  }
  if (sizes.intermediate_size) yield ['tensor', sizes.intermediate_size, 'width of the MLP'];
  if (sizes.num_experts) yield ['model', sizes.num_experts, 'experts'];
}

function gcd(one: number, other: number): number {
  return other ? gcd(other, one % other) : one;
}
