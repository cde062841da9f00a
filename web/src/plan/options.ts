/** Models and cards as they are chosen from: by which words they are found, under what they stand, a fact beside. */
import { figure } from '~/shared/format/numbers';
import type { Choices } from './forms';
import type { Option } from './Find';

/** Numbers of weights as they are spoken of: `8.03B`. */
export function parameters(count: number): string {
  return figure(count).replace('G', 'B');
}

export function modelOptions(choices: Choices): Option[] {
  const found = choices.models.map((one) => ({
    name: one.short,
    also: one.name,
    group: one.name.split('/')[0] ?? '',
    fact: parameters(one.parameters),
  }));
  return found.sort((one, other) => one.group.localeCompare(other.group));
}

// What people call the machines of a vendor.
const CALLED: Readonly<Record<string, string>> = {
  nvidia: 'NVIDIA GeForce Tesla',
  amd: 'AMD Radeon Instinct',
  apple: 'Apple Mac MacBook iMac Studio mini',
};

export function cardOptions(choices: Choices): Option[] {
  return choices.cards.map((one) => {
    const memory = `${figure(one.figures.memory ?? 0)} GB`;
    return {
      name: one.name,
      also: `${CALLED[one.vendor] ?? one.vendor} ${one.name} ${memory} ${one.kind}`,
      group: `${one.vendor} · ${one.kind}`,
      fact: memory,
    };
  });
}
