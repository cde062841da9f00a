/** What the glance works out: time left, the best loss, which curves come first. */
import type { RunPage } from '~/shared/api/runs';
import type { Curve } from '~/shared/chart/curve';

/** Seconds until the last step at the pace of the newest attempt; NaN where there is no total or no pace. */
export function secondsLeft(page: Pick<RunPage, 'step' | 'total' | 'spans' | 'duration_s'>): number {
  if (page.step === null || page.total === null || page.step <= 0) return NaN;
  return ((page.total - page.step) * page.duration_s) / page.step;
}

/** The lowest value of a curve and the step where its bucket begins. */
export function best(curve: Curve): { value: number; step: number } | null {
  let found: { value: number; step: number } | null = null;
  curve.low.forEach((value, index) => {
    if (Number.isFinite(value) && (found === null || value < found.value))
      found = { value, step: curve.first[index] ?? 0 };
  });
  return found;
}

// One of each: how good, how stable, how fast, how good on what is not trained on.
const FIRST: readonly (readonly string[])[] = [
  ['loss', 'train/loss', 'train_loss', 'reward'],
  ['grad_norm', 'gradient_norm', 'train/grad_norm', 'lr', 'learning_rate'],
  ['tokens_per_s', 'samples_per_s', 'mfu'],
  ['eval/loss', 'evaluation/loss', 'val_loss', 'accuracy'],
];
const SHOWN = 3;

/** The curves that tell most, at most three. */
export function firstCurves(names: readonly string[]): string[] {
  const known = FIRST.flatMap((some) => some.find((name) => names.includes(name)) ?? []);
  const others = names.filter((name) => !known.includes(name) && !MACHINE.test(name));
  return [...known, ...others].slice(0, SHOWN);
}

/** Curves of the machine and of layers, which have views of their own. */
export const MACHINE =
  /^(cpu|memory|swap|disk|network|limits|processes|cgroup|pressure|gpu\d*|npu\d*|energy|power|cost|gradients|activations|weights)\b/;

/** Names by what stands before their first `/`; those without stand under an empty one, first. */
export function grouped(names: readonly string[]): [string, string[]][] {
  const groups = new Map<string, string[]>([['', []]]);
  for (const name of names) {
    const prefix = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
    groups.set(prefix, [...(groups.get(prefix) ?? []), name]);
  }
  const order = [...groups].filter(([, part]) => part.length);
  return order.sort(
    ([a, one], [b, two]) => Number(MACHINE.test(one[0] ?? a)) - Number(MACHINE.test(two[0] ?? b)),
  );
}
