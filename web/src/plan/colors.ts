/** The colour of each component of memory; what is free has none. */
const COLORS: Readonly<Record<string, string>> = {
  weights: 'var(--series-1)',
  beside: 'var(--series-8)',
  gathered: 'var(--series-6)',
  gradients: 'var(--series-3)',
  optimizer: 'var(--series-5)',
  activations: 'var(--series-2)',
  cache: 'var(--series-2)',
  step: 'var(--series-2)',
  working: 'var(--series-4)',
  overhead: 'var(--series-7)',
};

export function colorOf(component: string): string {
  return COLORS[component] ?? 'var(--series-7)';
}
