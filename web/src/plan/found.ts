/** Names among which one is typed: those that have all words of it, and the nearest where none has. */

export interface Named {
  name: string;
  /** What it may be called as well: an id on a hub, a vendor, a size. */
  also: string;
}

/** Those that have every word that was typed, however it is cut: `RTX 4090`, `llama 8b`, `mac 64gb`. */
export function having<T extends Named>(all: readonly T[], typed: string): T[] {
  const words = typed.toLowerCase().split(/\s+/).map(bare).filter(Boolean);
  return all.filter((one) => {
    const begun = beginnings(`${one.name} ${one.also}`);
    return words.every((word) => begun.some((from) => from.startsWith(word)));
  });
}

/** All from each part of a name on: `rtx4090d`, `4090d` and `d`. */
function beginnings(name: string): string[] {
  const parts = name.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return parts.map((_, index) => parts.slice(index).join(''));
}

/** The one that is meant without doubt: by its name, however it is cut, or by what else it is called. */
export function meant<T extends Named>(all: readonly T[], typed: string): T | undefined {
  const whole = bare(typed);
  return all.find((one) => bare(one.name) === whole || bare(one.also) === whole);
}

/** The most alike, the nearest first. */
export function nearest<T extends Named>(all: readonly T[], typed: string, count = 3): T[] {
  const whole = bare(typed.slice(0, 80).split('/').at(-1) ?? '');
  const far = new Map(all.map((one) => [one, distance(whole, bare(one.name))]));
  return [...all].sort((one, other) => (far.get(one) ?? 0) - (far.get(other) ?? 0)).slice(0, count);
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** Letters to change, add or take away (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  [...one].forEach((letter, index) => {
    const next = [index + 1];
    [...other].forEach((there, at) => {
      const changed = (row[at] ?? 0) + Number(letter !== there);
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    });
    row = next;
  });
  return row[other.length] ?? 0;
}
