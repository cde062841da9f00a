/** A config.json or a run.yaml that is pasted is what the screen asks; what is neither says why. */
import { expect, test } from 'vitest';
import { pastedAsked } from './pasted';
import { readYaml } from './readYaml';

const RUN = `
# what \`whet fit --out\` writes
model:
  path: Qwen/Qwen3-8B
  quantize: nf4
tuner: {kind: lora, rank: 32}
optimizer: lion
data:
  max_length: 4096
  train:
    - path: "chat.jsonl"  # a comment
      format: openai
    - other.jsonl#100
train:
  micro_batch: 8192
  recompute: full
  offload: {optimizer: 0.5}
parallel:
  tensor: 2
  shard: 4
`;

test('a run is asked as its config says it', () => {
  expect(pastedAsked(RUN)).toMatchObject({
    model: 'Qwen/Qwen3-8B', mode: 'qlora', rank: 32, optimizer: 'lion', length: 4096, samples: 2, offload: 50,
    recompute: 'full', tensor: 2, gpus: 8,
  }); // prettier-ignore
  expect(pastedAsked('model: Qwen/Qwen3-0.6B\ntuner: lora')).toMatchObject({
    mode: 'lora',
    recompute: 'none',
  });
});

test('of a config stays what a plan reads', () => {
  const config = {
    model_type: 'llama',
    hidden_size: 64,
    auto_map: { a: 'b' },
    bos_token: '<s>',
    tie_word_embeddings: true,
  };
  const { config: kept = '' } = pastedAsked(JSON.stringify(config));
  expect(JSON.parse(kept)).toEqual({ model_type: 'llama', hidden_size: 64, tie_word_embeddings: true });
});

test.each([
  ['', 'has no settings'],
  ['[]', 'has no settings'],
  ['{}', 'has no settings'],
  ['{"model_type": ', 'is no JSON and no YAML'],
  ['a: b: c\n - d', 'is no JSON and no YAML'],
  [' '.repeat(10_000_000), '10,000,000 letters'],
  ['model: qwen3-8b\ntuner: dora', '`tuner: dora` is not on this screen'],
  ['model: qwen3-8b\nobjective: dpo', '`objective: dpo` is not on this screen'],
  ['model: qwen3-8b\ntuner: {kind: lora, rank: -1}', '`rank` is -1'],
  ['train: {micro_batch: 5}', 'the run names no model'],
])('%s is refused', (text, why) => {
  expect(() => pastedAsked(text)).toThrow(why);
});

test('values are read as YAML has them', () => {
  expect(readYaml("a: 1e-4\nb: 'it''s'\nc: [1, x]\nd:\ne: true\nf: x # no\n")).toEqual({
    a: 1e-4, b: "it's", c: [1, 'x'], d: null, e: true, f: 'x',
  }); // prettier-ignore
  expect(() => readYaml('a: &anchor 1')).toThrow('line 1');
});
