import { expect, test } from 'vitest';
import { type Schema, choicesOf, kindOf, resolved, typedNumber, wrongWith } from './schema';

const root: Schema = {
  $defs: {
    adamw: { properties: { kind: { const: 'adamw' } } },
    muon: { properties: { kind: { enum: ['muon'] } } },
  },
};

test('references are followed, and what stands beside them holds', () => {
  expect(resolved({ $ref: '#/$defs/adamw', default: 1 }, root)).toEqual({
    properties: { kind: { const: 'adamw' } },
    default: 1,
  });
});

test('a union is told apart by its kinds, null left out', () => {
  const union = { anyOf: [{ $ref: '#/$defs/adamw' }, { $ref: '#/$defs/muon' }, { type: 'null' }] };
  expect(choicesOf(union, root).map(kindOf)).toEqual(['adamw', 'muon']);
});

test('bounds are said before the server is asked', () => {
  expect(wrongWith(0, { exclusiveMinimum: 0 })).toBe('> 0');
  expect(wrongWith(1, { minimum: 0, maximum: 1 })).toBeUndefined();
  expect(typedNumber('1e-4')).toBe(0.0001);
  expect(typedNumber('auto')).toBe('auto');
  expect(typedNumber(' ')).toBeUndefined();
});
