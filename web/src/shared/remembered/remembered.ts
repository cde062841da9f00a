/** What somebody chose for the whole page: shown at once wherever it is followed, and kept in this browser. */
import { useSyncExternalStore } from 'react';

interface Remembered<T extends string> {
  /** Choose, now and at the next visit. */
  choose: (chosen: T) => void;
  /** What is chosen, followed as it changes. */
  useChosen: () => T;
}

/** A choice that stands in the document itself, where `read` and `show` find it, and under `key` until the next visit. */
export function remembered<T extends string>(
  key: string,
  read: () => T,
  show: (chosen: T) => void,
): Remembered<T> {
  const listeners = new Set<() => void>();
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    choose: (chosen) => {
      show(chosen);
      try {
        localStorage.setItem(key, chosen);
      } catch {
        // A browser that keeps nothing: it holds for this visit.
      }
      for (const listener of listeners) listener();
    },
    useChosen: () => useSyncExternalStore(subscribe, read),
  };
}
