import { describe, expect, test } from 'vitest';
import { bytes, duration, figure, money, percent, whole } from './numbers';

describe('numbers are written as the terminal writes them', () => {
  test.each([
    [0, '0'],
    [1.23456, '1.235'],
    [12_345, '12.35k'],
    [5e-5, '5e−5'],
    [-0.25, '−0.25'],
    [1e15, '1e15'],
    [NaN, 'NaN'],
    [Infinity, '∞'],
    [-1.5e-7, '−1.5e−7'],
    [9999, '9999'],
  ])('%d', (value, text) => expect(figure(value)).toBe(text));
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [3.45e9, '3.213 GiB'],
  ])('%d bytes', (value, text) => expect(bytes(value)).toBe(text));
  test.each([
    [0.25, '250ms'],
    [12.34, '12.3s'],
    [200, '3m20s'],
    [3720, '1h02m'],
    [180_000, '2d02h'],
    [59.97, '1m00s'],
    [NaN, '—'],
  ])('%d seconds', (value, text) => expect(duration(value)).toBe(text));
  test.each([
    [0, '0.00'],
    [1.8949e-4, '0.000189'],
    [12.5, '12.50'],
    [-0.5, '−0.500'],
    [NaN, '—'],
  ])('%d of money', (value, text) => expect(money(value)).toBe(text));
  test('shares and whole numbers', () => {
    expect(percent(0.4123)).toBe('41.2 %');
    expect(whole(1234567)).toBe('1\u202f234\u202f567');
  });
});
