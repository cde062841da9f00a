/** Numbers as the API writes them: NaN and infinities are texts in JSON, and null is none. */

/** A number of the API. */
export type Numeric = number | 'NaN' | 'Infinity' | '-Infinity' | null;

/** As a number: null and whatever is none become NaN. */
export function real(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  return NaN;
}

/** Whether a value of the API is a number, a NaN too. */
export function isNumeric(value: unknown): value is number | string {
  return typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity';
}
