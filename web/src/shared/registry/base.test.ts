import { expect, test } from 'vitest';
import { baseName } from './base';

test('of a path the run or the folder, of all else what it is', () => {
  expect(baseName('/home/me/runs/taught/model')).toBe('taught');
  expect(baseName('/models/llama/')).toBe('llama');
  expect(baseName('Qwen/Qwen3-0.6B')).toBe('Qwen/Qwen3-0.6B');
  expect(baseName('registry:owls/1')).toBe('registry:owls/1');
  expect(baseName('/')).toBe('/');
});
