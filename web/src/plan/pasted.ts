/** What was pasted, a config.json or a run.yaml, as the screen asks it. */
import { type Asked, MODES, OPTIMIZERS, PASTED, RECOMPUTES, within } from './asked';
import type { Config } from './engine/model';
import { refused } from './engine/model';
import { readYaml } from './readYaml';

// A config.json has a few thousand letters; what is a hundred times that is no config.
const MOST = 500_000;
const MOST_IN_ADDRESS = 30_000;
// Numbers are all kept; of the rest what says which class a model is, and of which kind its layers are.
const KEPT = [
  'model_type',
  'architectures',
  'layer_types',
  'layers_block_type',
  'mlp_layer_types',
  'mlp_only_layers',
];
// Sections of a run that say nothing of what its model takes.
const BESIDE = [
  'data',
  'schedule',
  'track',
  'evaluate',
  'seed',
  'name',
  'objective',
  'plugins',
  'sample',
  'diagnose',
];

/** What the screen is to ask. Raises what says why it cannot. */
export function pastedAsked(text: string): Partial<Asked> {
  if (text.length > MOST)
    throw refused(
      `this has ${text.length.toLocaleString('en')} letters, and a config a few thousand`,
      'config.json',
      'config',
    );
  const told = parsed(text);
  return 'model' in told || 'train' in told || 'tuner' in told ? ofRun(told) : ofConfig(told);
}

function parsed(text: string): Config {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    try {
      told = readYaml(text);
    } catch (error) {
      throw refused(
        `this is no JSON and no YAML of a run: ${(error as Error).message}`,
        'config.json or run.yaml',
        'config',
      );
    }
  }
  if (isMap(told) && Object.keys(told).length) return told;
  throw refused('this is no config: it has no settings', '{"model_type": "llama", ...}', 'config');
}

function isMap(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function ofConfig(config: Config): Partial<Asked> {
  const kept = JSON.stringify(slim(config));
  if (kept.length > MOST_IN_ADDRESS)
    throw refused(
      'this config is longer than any model has one',
      'the config.json beside the weights',
      'config',
    );
  return { model: PASTED, config: kept };
}

/** What a plan reads of a config. */
function slim(config: Config): Config {
  const found = Object.entries(config).flatMap(([name, value]) => {
    if (name === 'text_config' && isMap(value)) return [[name, slim(value)] as const];
    const isKept = KEPT.includes(name) || typeof value === 'number' || typeof value === 'boolean';
    // What is no number, and should be, is refused by its name.
    const isSize = /^(num_|n_|hidden_size|intermediate_size|vocab_size|head_dim|max_position)/.test(name);
    return isKept || (isSize && value !== null) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

function ofRun(run: Config): Partial<Asked> {
  for (const name of Object.keys(run))
    if (!['model', 'train', 'tuner', 'optimizer', 'parallel', ...BESIDE].includes(name)) notHere(name);
  const [model, tuner, optimizer] = [run.model, run.tuner, run.optimizer].map(section);
  const [train, parallel] = [run.train, run.parallel].map((one) => (isMap(one) ? one : {}));
  const offload = isMap(train?.offload) ? train.offload : {};
  const kind = String(tuner?.kind ?? 'full');
  const quantize = model?.quantize ?? null;
  if (kind !== 'full' && kind !== 'lora') notHere(`tuner: ${kind}`);
  if (quantize !== null && quantize !== 'nf4') notHere(`model.quantize: ${String(quantize)}`);
  const objective = section(run.objective);
  if (objective && !['sft', 'pretrain', undefined].includes(objective.kind as string))
    notHere(`objective: ${String(objective.kind)}`);
  const length = Number((isMap(run.data) ? run.data.max_length : null) ?? 2048);
  const micro = typeof train?.micro_batch === 'number' ? train.micro_batch : length;
  const own: Partial<Asked> = {
    ...named(model ?? {}),
    mode: MODES[kind === 'full' ? 0 : quantize === 'nf4' ? 2 : 1],
    ...whole('rank', tuner?.rank),
    optimizer: one(OPTIMIZERS, optimizer?.kind ?? 'adamw', 'optimizer'),
    state: one(['fp32', '8bit'] as const, optimizer?.state ?? 'fp32', 'optimizer.state'),
    precision: one(
      ['bf16', 'bf16-pure', 'fp32'] as const,
      known(train?.precision) ?? 'bf16',
      'train.precision',
    ),
    recompute: one(RECOMPUTES, recompute(train?.recompute), 'train.recompute'),
    offload: Math.round(100 * Number(offload.optimizer ?? 0)),
    hostWeights: offload.weights === true,
    hostActivations: offload.activations === true,
    length: Math.min(length, micro),
    samples: Math.max(1, Math.floor(micro / length)),
    sequence: parallel?.sequence === true,
  };
  const axes = ['tensor', 'pipeline', 'context', 'expert', 'replicate', 'zero'] as const;
  for (const axis of axes) Object.assign(own, whole(axis, parallel?.[axis] ?? (axis === 'zero' ? 3 : 1)));
  if (typeof parallel?.shard === 'number') Object.assign(own, whole('gpus', cards(own, parallel.shard)));
  return own;
}

function named(model: Config): Partial<Asked> {
  if (isMap(model.init)) return ofConfig(model.init);
  const name = model.path ?? model.kind;
  if (typeof name !== 'string') throw refused('the run names no model', 'model: Qwen/Qwen3-0.6B', 'model');
  return { model: name, config: '' };
}

/** A section that is a word is its kind. */
function section(told: unknown): Config | undefined {
  if (typeof told === 'string') return { kind: told };
  return isMap(told) ? told : undefined;
}

function cards(own: Partial<Asked>, shard: number): number {
  const { tensor = 1, pipeline = 1, context = 1, expert = 1, replicate = 1 } = own;
  return shard * tensor * pipeline * context * expert * replicate;
}

function recompute(told: unknown): unknown {
  return told === true ? 'full' : told === false || told === undefined || told === null ? 'none' : told;
}

function known(told: unknown): unknown {
  return told === 'auto' || told === null ? undefined : told;
}

function whole(name: keyof Asked, told: unknown): Partial<Asked> {
  if (told === undefined || told === null) return {};
  if (typeof told === 'number' && within(name, told)) return { [name]: told };
  throw refused(
    `\`${name}\` is ${JSON.stringify(told)?.slice(0, 40) ?? ''}, not a whole number that it can be`,
    `${name}: 1`,
    name,
  );
}

function one<T extends string>(among: readonly T[], told: unknown, at: string): T {
  const found = among.find((name) => name === told);
  if (found === undefined) return notHere(`${at}: ${String(told)}`);
  return found;
}

function notHere(what: string): never {
  throw refused(`\`${what.slice(0, 80)}\` is not on this screen`, 'whet plan run.yaml', 'run.yaml');
}
