/** What stands in the page itself: choices, and the formulas of all classes, for a page that no server answers. */
import type { Architecture } from './engine/architecture';
import type { Choices } from './forms';
import type { Source } from './source';

export interface Tables extends Choices {
  architectures: Readonly<Record<string, Architecture>>;
}

export function sourceOf(tables: Tables): Source {
  return {
    choices: () => Promise.resolve(tables),
    architecture: (name) => {
      const found = tables.architectures[name];
      return found ? Promise.resolve(found) : Promise.reject(new Error(name));
    },
  };
}
