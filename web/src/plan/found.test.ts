/** What is typed finds what is meant. */
import { expect, test } from 'vitest';
import { having, meant, nearest } from './found';

const named = (name: string, also: string) => ({ name, also });
const CARDS = ['rtx-4090', 'rtx-4090-d', 'rtx-5090', 'a100-sxm-40gb', 'm4-max-40c-64gb'].map((name) =>
  named(name, name.startsWith('m4') ? 'Apple MacBook 64 GB' : 'NVIDIA GeForce'),
);
const MODELS = [named('llama-3.1-8b', 'meta-llama/Llama-3.1-8B'), named('qwen3-8b', 'Qwen/Qwen3-8B')];
const names = (found: readonly { name: string }[]) => found.map((one) => one.name);

test('words are found in any order, however names are cut', () => {
  expect(names(having(CARDS, 'RTX 4090'))).toEqual(['rtx-4090', 'rtx-4090-d']);
  expect(names(having(CARDS, 'm4'))).toEqual(['m4-max-40c-64gb']);
  expect(names(having(CARDS, 'macbook 64 gb'))).toEqual(['m4-max-40c-64gb']);
  expect(names(having(MODELS, '8b'))).toEqual(['llama-3.1-8b', 'qwen3-8b']);
  expect(having(CARDS, 'voodoo')).toEqual([]);
});

test('a whole name, or an id on the hub, is meant without doubt', () => {
  expect(meant(CARDS, 'RTX 4090')?.name).toBe('rtx-4090');
  expect(meant(MODELS, 'meta-llama/Llama-3.1-8B')?.name).toBe('llama-3.1-8b');
  expect(meant(MODELS, 'llama')).toBeUndefined();
});

test('what is unknown has nearest names', () => {
  expect(nearest(MODELS, 'meta-llama/Llama-3.1-8B-Instruct', 1)[0]?.name).toBe('llama-3.1-8b');
  expect(names(nearest(CARDS, 'rtx-4091', 1))).toEqual(['rtx-4090']);
});
