/** What is served: a model's weights by role, what its layers keep of a conversation (`whet.plan.serving`). */
import { type Config, attentionOf, expertsOf, type Model, parametersOf, refused, tensorsOf } from './model';

/** What a layer keeps: numbers of each of the last `window` tokens (null: of all), divided among `heads`. */
export interface LayerCache {
  aToken: number;
  window: number | null;
  fixed: number;
  heads: number;
}

export interface Served {
  numbers: Readonly<Record<string, number>>;
  /** Of these, those of layers. */
  inside: Readonly<Record<string, number>>;
  layers: readonly LayerCache[];
  heads: number;
  width: number;
  inner: number;
  vocab: number;
  experts: number;
  chosen: number;
  isTied: boolean;
  parameters: number;
}

export function servedOf(model: Model): Served {
  const { config, sizes } = model;
  const [numbers, inside]: [Record<string, number>, Record<string, number>] = [{}, {}];
  for (const one of tensorsOf(model)) {
    numbers[one.role] = (numbers[one.role] ?? 0) + one.numbers;
    if (one.layer !== null) inside[one.role] = (inside[one.role] ?? 0) + one.numbers;
  }
  const width = sizes.hidden_size ?? 0;
  const chosen = Number(config.num_experts_per_tok ?? 0);
  const inner = Number(config.moe_intermediate_size || config.intermediate_size || 4 * width);
  const kept = Number(config.num_kv_shared_layers ?? 0);
  const kinds = attentionOf(config, model.layers.length);
  return {
    numbers, inside, width, chosen, isTied: model.isTied,
    layers: kinds.map((kind, layer) => (layer < kinds.length - kept ? cacheOf(kind, model) : NOTHING)),
    heads: sizes.num_attention_heads ?? 1, inner: inner * Math.max(1, chosen), vocab: sizes.vocab_size ?? 0,
    experts: expertsOf(config), parameters: parametersOf(model).all,
  }; // prettier-ignore
}

const NOTHING: LayerCache = { aToken: 0, window: null, fixed: 0, heads: 0 };

function cacheOf(kind: string, { config, sizes }: Model): LayerCache {
  const groups = sizes.num_key_value_heads ?? 1;
  const heads = sizes.num_attention_heads ?? 1;
  const headDim = Number(config.head_dim) || Math.floor((sizes.hidden_size ?? 0) / heads);
  const latent = Number(config.kv_lora_rank ?? 0);
  const whole: LayerCache = latent
    ? { ...NOTHING, aToken: latent + Number(config.qk_rope_head_dim ?? 0) }
    : { ...NOTHING, aToken: 2 * groups * headDim, heads: groups };
  const windowed = (told: unknown) =>
    Number(told) ? { ...NOTHING, aToken: whole.aToken, heads: whole.heads, window: Number(told) } : whole;
  if (kind === 'sliding_attention') return windowed(config.sliding_window);
  if (kind === 'chunked_attention') return windowed(config.attention_chunk_size);
  if (kind !== 'full_attention' && kind !== 'attention')
    throw refused(
      `a layer of the kind \`${kind}\` keeps something that is not known of`,
      'kinds that are known: full_attention, sliding_attention, chunked_attention',
    );
  return isWindowed(config) ? windowed(config.sliding_window) : whole;
}

/** Whether all layers alike see the last tokens only (Mistral). */
function isWindowed(config: Config): boolean {
  return !('layer_types' in config) && Boolean(config.sliding_window) && config.use_sliding_window !== false;
}
