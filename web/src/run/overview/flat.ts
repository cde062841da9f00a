/** Nested settings as a list of names and values. */

export type Pair = readonly [name: string, value: unknown];

/** Entries of nested mappings, their names joined by dots; what is empty is left out. */
export function flat(values: Readonly<Record<string, unknown>>, prefix = ''): Pair[] {
  return Object.entries(values).flatMap(([name, value]): Pair[] => {
    if (value === null || value === undefined || value === '') return [];
    if (Array.isArray(value)) {
      if (!value.length) return [];
      return value.every((one) => typeof one !== 'object')
        ? [[prefix + name, value.join(', ')]]
        : flat({ ...value }, `${prefix}${name}.`);
    }
    return typeof value === 'object'
      ? flat(value as Record<string, unknown>, `${prefix}${name}.`)
      : [[prefix + name, value]];
  });
}
