/** Bytes as sums of products of a config's sizes, evaluated as `whet.plan.formulas` evaluates them. */

/** Bytes by expression: `{ "": 12, "tokens*hidden_size": 4, "tokens*(q_rank+head_dim)": 2 }`. */
export type Terms = Readonly<Record<string, number>>;
export type Sizes = Readonly<Record<string, number>>;

/** A product of a number and of names. */
type Part = readonly [number, readonly string[]];
/** Factors, each a sum of products. */
type Factors = readonly (readonly Part[])[];

const expressions = new Map<string, Factors>();
// Terms are evaluated at every step of a slider: each is taken apart once.
const sums = new WeakMap<Terms, readonly (readonly [number, Factors])[]>();

export function value(expression: string, sizes: Sizes): number {
  return multiplied(read(expression), sizes);
}

export function total(terms: Terms, sizes: Sizes): number {
  let known = sums.get(terms);
  if (!known) {
    known = Object.entries(terms).map(([expression, each]) => [each, read(expression)] as const);
    sums.set(terms, known);
  }
  let bytes = 0;
  for (const [each, factors] of known) bytes += each * multiplied(factors, sizes);
  return bytes;
}

function multiplied(factors: Factors, sizes: Sizes): number {
  let product = 1;
  for (const factor of factors) {
    let sum = 0;
    for (const [number, names] of factor) {
      let made = number;
      for (const name of names) made *= sizeOf(name, sizes);
      sum += made;
    }
    product *= sum;
  }
  return product;
}

function sizeOf(name: string, sizes: Sizes): number {
  const size = sizes[name];
  if (size === undefined) throw new Error(`no size is called ${name}`);
  return size;
}

function read(expression: string): Factors {
  const before = expressions.get(expression);
  if (before) return before;
  const factors: string[] = [];
  let [depth, at] = [0, 0];
  [...`${expression}*`].forEach((letter, place) => {
    depth += letter === '(' ? 1 : letter === ')' ? -1 : 0;
    if (letter !== '*' || depth) return;
    factors.push(expression.slice(at, place));
    at = place + 1;
  });
  const found = factors.filter(Boolean).map((factor) =>
    factor
      .replace(/^\(|\)$/g, '')
      .split('+')
      .map(part),
  );
  expressions.set(expression, found);
  return found;
}

function part(text: string): Part {
  const names = text.split('*');
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
  return [numbers.reduce((made, one) => made * one, 1), names.filter((name) => !/^\d+$/.test(name))];
}
