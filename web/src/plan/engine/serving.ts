/** A model that is served, on any mesh: its memory while prompts are read and answers written, and its speed. */
import type { Assumed, Card, Moment } from '../forms';
import { PACKED } from './job';
import { type Mesh, checkRanks, checkStages, ranksOf, readersOf } from './mesh';
import { refused } from './model';
import { momentOf } from './moments';
import type { LayerCache, Served } from './served';
import { linkOf, rateOf } from './speed';

/** `length` tokens that a conversation may have, `users` conversations at once. */
export interface Serving {
  model: Served;
  card: Card;
  mesh: Mesh;
  assumed: Assumed;
  length: number;
  users: number;
  dtype: 'fp32' | 'bf16' | 'fp16';
  quantize: 'int8' | 'nf4' | null;
  cacheDtype: string;
}

export interface ServingSpeed {
  /** Of all conversations together. */
  tokensPerSecond: number;
  /** Seconds from a prompt to its first token, where nobody else asks. */
  first: number;
}

// Of a conversation, what is given; tokens of a page of the cache; tokens of prompts that are read at once.
const [PROMPT, BLOCK, CHUNK] = [0.75, 16, 8192];
const ITEMS: Readonly<Record<string, number>> = { fp32: 4, bf16: 2, fp16: 2, fp8: 1 };
// Roles of which ranks of `tensor` have a part each.
const CUT = ['matrix', 'expert', 'embedding', 'head', 'bias'];

/** Raises, with the arithmetic, what refuses a mesh that cannot serve the model. */
export function checkServing({ model, mesh }: Serving, cards: number): void {
  for (const axis of ['shard', 'context'] as const)
    if (mesh[axis] > 1)
      throw refused(
        `\`${axis}\` shares what is trained; a model is served over tensor, pipeline, expert and replicate`,
        `${axis} 1`,
        axis,
      );
  checkRanks(mesh, cards);
  if (model.heads % mesh.tensor) {
    let fitting = mesh.tensor;
    while (model.heads % fitting) fitting -= 1;
    const each = Number((model.heads / mesh.tensor).toPrecision(4));
    throw refused(
      `heads ${model.heads} / tensor ${mesh.tensor} = ${each}, which is no whole number`,
      `tensor ${fitting}`,
      'tensor',
    );
  }
  if (mesh.expert > 1 && (!model.experts || model.experts % mesh.expert))
    throw refused(`${model.experts} experts cannot be dealt to ${mesh.expert} ranks`, 'expert 1', 'expert');
  checkStages(mesh, model.layers.length);
}

/** Conversations on one copy of the model. */
function here({ users, mesh }: Serving): number {
  return Math.ceil(users / readersOf(mesh));
}

export function servingMoments(serving: Serving): Moment[] {
  const { model, mesh, card, assumed, users } = serving;
  const at = { card, ranks: ranksOf(mesh), assumed, measured: null };
  const held = { weights: weights(serving), cache: here(serving) * conversation(serving) };
  const tokens = Math.min(CHUNK, promptOf(serving) * users);
  const item = serving.dtype === 'fp32' ? 4 : 2;
  const phases = [
    ['prefill', tokens],
    ['decode', Math.min(users, tokens)],
  ] as const;
  return phases.map(([phase, rows]) => {
    const layer = item * rows * (2 * model.width + (3 * model.inner) / mesh.tensor);
    const logits = (8 * Math.min(here(serving), rows) * model.vocab) / mesh.tensor;
    return momentOf(phase, '', { ...held, working: Math.max(layer, logits) }, at);
  });
}

function weightBytes({ dtype, quantize }: Serving, role: string, isInside: boolean): number {
  const packs = quantize !== null && isInside && (role === 'matrix' || role === 'expert');
  return (packs ? PACKED[quantize] : ITEMS[dtype]) ?? 4;
}

/** A rank's, of the stage that has most: its layers, and one of the ends, which may be the same. */
function weights(serving: Serving): number {
  const { model, mesh } = serving;
  const layers = Math.ceil(model.layers.length / mesh.pipeline) / model.layers.length;
  const end = mesh.pipeline > 1 && !model.isTied ? 0.5 : 1;
  return Object.entries(model.numbers).reduce((bytes, [role, count]) => {
    const inside = model.inside[role] ?? 0;
    const cut = CUT.includes(role) ? mesh.tensor * (role === 'expert' ? mesh.expert : 1) : 1;
    const own = inside * weightBytes(serving, role, true) * layers;
    return bytes + (own + (count - inside) * weightBytes(serving, role, false) * end) / cut;
  }, 0);
}

/** Bytes that a conversation keeps on a rank, in whole pages. */
function conversation(serving: Serving): number {
  const all = serving.model.layers.reduce(
    (bytes, one) => bytes + kept(serving, one, serving.length, BLOCK),
    0,
  );
  return all / serving.mesh.pipeline;
}

function kept({ mesh, cacheDtype }: Serving, layer: LayerCache, tokens: number, block: number): number {
  const seen = Math.min(tokens, layer.window ?? tokens);
  const share = layer.heads ? Math.max(1, Math.floor(layer.heads / mesh.tensor)) / layer.heads : 1;
  const paged = Math.ceil(seen / block) * block;
  return paged * layer.aToken * (ITEMS[cacheDtype] ?? 4) * share + layer.fixed / mesh.tensor;
}

/** The estimate, as `whet.plan.serving.speed` has it; null for a card of which no rate is known. */
export function servingSpeed(serving: Serving): ServingSpeed | null {
  const { model, mesh, card, assumed, length } = serving;
  const rate = rateOf(card, serving.dtype === 'fp32' ? ['fp32'] : ['bf16', 'fp16', 'fp32']);
  const bandwidth = card.figures.bandwidth_gbs;
  if (rate === undefined || bandwidth === undefined) return null;
  const [users, prompt] = [here(serving), promptOf(serving)];
  const flops = rate * 1e12 * assumed.compute * mesh.tensor * mesh.pipeline;
  const sums = (rows: number) => (mesh.tensor > 1 ? 2 * model.layers.length * sum(serving, rows) : 0);
  const average = Math.floor((prompt + length) / 2);
  const cache = model.layers.reduce((bytes, one) => bytes + kept(serving, one, average, 1), 0);
  const read = (readWeights(serving) * active(model, users)) / model.parameters + users * cache;
  const multiplied = ((2 * users * active(model, 1)) / flops) * mesh.pipeline;
  const step = Math.max(read / (bandwidth * 1e9 * assumed.memory), multiplied) + sums(users) + assumed.step_s;
  const seen =
    model.layers.reduce((all, one) => all + (one.aToken ? Math.min(prompt, one.window ?? prompt) : 0), 0) / 2;
  const ends = (model.numbers.embedding ?? 0) + (model.numbers.head ?? 0);
  const first = (prompt * (2 * (active(model, 1) - ends) + 4 * seen * model.width)) / flops;
  return { tokensPerSecond: serving.users / step, first: first + sums(prompt) + assumed.step_s };
}

/** Parameters that a step of so many tokens goes through. */
function active(model: Served, tokens: number): number {
  if (!model.experts) return model.parameters;
  return model.parameters - (model.numbers.expert ?? 0) * (1 - model.chosen / model.experts) ** tokens;
}

function readWeights(serving: Serving): number {
  const { model, mesh } = serving;
  const all = Object.entries(model.numbers).reduce((bytes, [role, count]) => {
    const inside = model.inside[role] ?? 0;
    const ends = role !== 'embedding' || model.isTied ? count - inside : 0;
    return bytes + inside * weightBytes(serving, role, true) + ends * weightBytes(serving, role, false);
  }, 0);
  return all / mesh.tensor;
}

/** Seconds of one sum of hidden states over the ranks of `tensor`. */
function sum({ card, mesh, model, assumed }: Serving, rows: number): number {
  const parts = mesh.tensor;
  const sent = ((2 * (parts - 1)) / parts) * rows * model.width * 2;
  return sent / linkOf(card, parts, assumed) + assumed.sum_s;
}

function promptOf({ length }: Serving): number {
  return Math.max(1, Math.floor(PROMPT * length));
}
