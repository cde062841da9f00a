/** A model as a plan sees it: the sizes of its config, its layers by kind, every weight (`whet.plan.models.planned`). */
import { ApiError } from '~/shared/api/client';
import { nearest } from '../found';
import type { Architecture, Weight } from './architecture';
import { type Sizes, value } from './formulas';

export type Config = Readonly<Record<string, unknown>>;

/** A parameter, and how many layers have one like it; `layer` is their kind, null outside of them. */
export interface Tensor {
  name: string;
  role: string;
  shape: readonly number[];
  times: number;
  layer: string | null;
  numbers: number;
}

export interface Model {
  name: string;
  config: Config;
  architecture: Architecture;
  sizes: Sizes;
  layers: readonly string[];
  isTied: boolean;
  context: number | null;
}

const PUBLISHED = 'the config.json that is published beside the weights';
const EXPERTS = ['num_experts', 'num_local_experts', 'n_routed_experts'];
const OPTIONAL = ['head_dim', 'num_key_value_heads', 'tie_word_embeddings'];
const [MOST, MOST_LAYERS] = [2 ** 40, 16_384];

export function refused(message: string, hint: string, at = 'model'): ApiError {
  return new ApiError('CANNOT_BE_PLANNED', message, hint, at, 400);
}

/** The class of a config, of those that were traced. Raises what says that there is none. */
export function classOf(config: Config, traced: readonly string[]): string {
  const own = config.model_type;
  if (typeof own !== 'string' || !own) throw withoutClass(config, traced);
  const inner = record(config.text_config)?.model_type;
  const found = [own, inner].find((one) => traced.includes(String(one)));
  if (found !== undefined) return String(found);
  const near = nearest(
    traced.map((name) => ({ name, also: '' })),
    own,
    1,
  )[0]?.name;
  throw refused(
    `models of the class \`${own.slice(0, 60)}\` have not been traced`,
    `whet plan config.json takes a step of it instead; traced are ${traced.join(', ')}${near ? `, the nearest ${near}` : ''}`,
  );
}

function withoutClass(config: Config, traced: readonly string[]): ApiError {
  const told = String((Array.isArray(config.architectures) ? config.architectures : [])[0] ?? '');
  const bare = told.replace(/For.*|Model$/, '').toLowerCase();
  const meant = traced.find((one) => one.replaceAll('_', '') === bare);
  return refused(
    'the config lacks `model_type`',
    meant ? `"model_type": "${meant}"` : `"model_type": "llama", or another of ${traced.join(', ')}`,
  );
}

export function modelOf(name: string, whole: Config, architecture: Architecture): Model {
  const config = textOf(whole, architecture.model_type);
  const sizes = sizesOf(config, architecture);
  const layers = kindsOf(config, sizes.num_hidden_layers ?? 0);
  for (const kind of new Set(layers))
    if (!architecture.layers[kind])
      throw refused(
        `a layer of the kind \`${kind}\` has not been traced for \`${architecture.model_type}\``,
        `kinds that have: ${Object.keys(architecture.layers).join(', ')}`,
      );
  const tied = config[architecture.names.tie_word_embeddings ?? 'tie_word_embeddings'];
  const context = ['max_position_embeddings', 'n_positions'].map((one) => counted(config, one)).find(Boolean);
  return {
    name, config: whole, architecture, sizes, layers,
    isTied: tied === undefined || tied === null ? tied === undefined && architecture.tied : Boolean(tied),
    context: context ?? null,
  }; // prettier-ignore
}

/** The part that speaks of the language model, where a model sees as well. */
function textOf(config: Config, modelType: string): Config {
  const inner = record(config.text_config);
  if (!inner || config.model_type === modelType) return config;
  return { tie_word_embeddings: config.tie_word_embeddings ?? true, ...inner };
}

function sizesOf(config: Config, { names, model_type }: Architecture): Sizes {
  const found: Record<string, number> = {};
  for (const [name, own] of Object.entries(names)) {
    const size = counted(config, name === 'num_experts' && expertsOf(config) ? expertsName(config) : own);
    if (size) found[name] = size;
  }
  const missing = Object.keys(names).filter((name) => !OPTIONAL.includes(name) && !found[name]);
  if (missing.length)
    throw refused(
      `the config of a \`${model_type}\` must tell ${missing.map((one) => `\`${names[one]}\``).join(', ')}`,
      PUBLISHED,
    );
  const heads = found.num_attention_heads ?? 1;
  found.num_key_value_heads ??= heads;
  found.head_dim ??= Math.floor((found.hidden_size ?? 0) / heads);
  if (heads % found.num_key_value_heads || !found.head_dim)
    throw refused(
      `${heads} heads cannot share ${found.num_key_value_heads} heads of keys, in a width of ${found.hidden_size}`,
      PUBLISHED,
    );
  return found;
}

/** A size of the config; 0 where it tells none. Raises what refuses that which is no size. */
function counted(config: Config, key: string): number {
  const told = config[key];
  const most = key === 'num_hidden_layers' ? MOST_LAYERS : MOST;
  if (told === undefined || told === null || typeof told === 'boolean') return 0;
  if (typeof told === 'number' && Number.isInteger(told) && told > 0 && told <= most) return told;
  const shown = JSON.stringify(told).slice(0, 40);
  throw refused(
    `\`${key}\` is ${shown}, not a whole number from 1 to ${most.toLocaleString('en')}`,
    PUBLISHED,
  );
}

/** Experts of a layer that has some; 0 where none has. */
export function expertsOf(config: Config): number {
  return Number(config[expertsName(config)] ?? 0);
}

function expertsName(config: Config): string {
  return EXPERTS.find((name) => Number.isInteger(config[name])) ?? '';
}

/** What each layer has in the place of attention. */
export function attentionOf(config: Config, count: number): string[] {
  const listed = [config.layer_types, config.layers_block_type].find(Array.isArray) as unknown[] | undefined;
  const every = config.sliding_window_pattern;
  return Array.from({ length: count }, (_, layer) => {
    if (listed && listed.length >= count) return String(listed[layer]);
    if (typeof every === 'number' && every > 1)
      return (layer + 1) % every ? 'sliding_attention' : 'full_attention';
    return 'full_attention';
  });
}

function kindsOf(config: Config, count: number): string[] {
  const listed = config.mlp_layer_types;
  const step = Number(config.decoder_sparse_step) || 1;
  const dense = Number(config.first_k_dense_replace) || 0;
  const only = Array.isArray(config.mlp_only_layers) ? config.mlp_only_layers : [];
  const isSparse = (layer: number) =>
    expertsOf(config) > 0 && layer >= dense && !only.includes(layer) && (layer + 1) % step === 0;
  return attentionOf(config, count).map((kind, layer) => {
    const told = Array.isArray(listed) && layer < listed.length ? String(listed[layer]) : null;
    return `${kind} ${told ?? (isSparse(layer) ? 'sparse' : 'dense')}`;
  });
}

/** Every parameter; with other `sizes`, what a rank that holds a part of each has. */
export function tensorsOf(model: Model, sizes: Sizes = model.sizes): Tensor[] {
  const { architecture, layers } = model;
  const ends = architecture.ends.filter((one) => !(model.isTied && one[1] === 'head'));
  const found = ends.map((one) => tensor(one, sizes, 1, null));
  // What chooses among experts knows all of them on every rank.
  const whole = 'num_experts' in sizes ? { ...sizes, num_experts: model.sizes.num_experts ?? 0 } : sizes;
  for (const kind of new Set(layers)) {
    const times = layers.filter((one) => one === kind).length;
    for (const one of architecture.layers[kind] ?? [])
      found.push(tensor(one, one[1] === 'expert' ? sizes : whole, times, kind));
  }
  return found;
}

function tensor([name, role, shape]: Weight, sizes: Sizes, times: number, layer: string | null): Tensor {
  return tensorOf(
    name,
    role,
    shape.map((one) => Math.max(1, Math.round(value(one, sizes)))),
    times,
    layer,
  );
}

export function tensorOf(
  name: string,
  role: string,
  shape: readonly number[],
  times: number,
  layer: string | null,
): Tensor {
  return { name, role, shape, times, layer, numbers: shape.reduce((made, one) => made * one, 1) * times };
}

export function hasExperts(model: Model): boolean {
  return 'num_experts' in model.sizes;
}

/** Of all numbers of a tensor, those that a token meets. */
export function shareOf(model: Model, role: string): number {
  const { num_experts_per_tok: chosen = 1, num_experts: all = 1 } = model.sizes;
  return role === 'expert' ? chosen / all : 1;
}

export function parametersOf(model: Model): { all: number; active: number } {
  const tensors = tensorsOf(model);
  return {
    all: tensors.reduce((sum, one) => sum + one.numbers, 0),
    active: Math.trunc(tensors.reduce((sum, one) => sum + one.numbers * shareOf(model, one.role), 0)),
  };
}

function record(value: unknown): Config | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Config) : undefined;
}
