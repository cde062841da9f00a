/** How far a wheel zooms. */
import { expect, test } from 'vitest';
import { notches } from './gestures';

const turned = (deltaY: number, deltaMode = 0, ctrlKey = false) => notches({ deltaY, deltaMode, ctrlKey });

test('several turns that come as one event zoom as far as one after the other', () => {
  expect(turned(-700)).toBeCloseTo(7 * turned(-100));
  expect(turned(-100)).toBeCloseTo(-1);
});

test('a notch is a notch in browsers that count lines', () => {
  expect(turned(3, 1)).toBeCloseTo(turned(100));
});

test('fingers that spread go further than the same pixels of a wheel', () => {
  expect(Math.abs(turned(-5, 0, true))).toBeGreaterThan(Math.abs(turned(-5)));
});
