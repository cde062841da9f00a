/**
 * Keys: a view says which it hears and what they do, and `?` lists them. `g r` is two keys after another.
 * Keys typed into a field are the field's, except those with Ctrl (⌘ on a Mac).
 */
import { useEffect, useRef, useSyncExternalStore } from 'react';
import type { Words } from '~/shared/i18n/i18n';

export interface Key {
  /** `j`, `?`, `Escape`, `mod+k` (Ctrl or ⌘), `shift+x`, or two in order: `g r`. */
  keys: string;
  does: Words;
  run: (event: KeyboardEvent) => void;
}

const PATIENCE_MS = 1000;
let layers: readonly (readonly Key[])[] = [];
const listeners = new Set<() => void>();
let first = '';
let firstAt = 0;

/** The name of a key event, in the form of `Key.keys`. */
export function nameOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isLetter = /^[a-z]$/.test(key) || event.key.length > 1;
  const shift = event.shiftKey && isLetter ? 'shift+' : '';
  const mod = event.ctrlKey || event.metaKey ? 'mod+' : '';
  return `${mod}${shift}${key}`;
}

function isTyping(event: KeyboardEvent): boolean {
  const place = event.target;
  return (
    place instanceof HTMLElement &&
    (place.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(place.tagName))
  );
}

function hear(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const name = nameOf(event);
  if (isTyping(event) && !name.startsWith('mod+')) return;
  // An open dialog or menu hears its own keys alone.
  if (document.querySelector('[role=dialog],[role=menu]') && !name.startsWith('mod+')) return;
  const both = event.timeStamp - firstAt < PATIENCE_MS ? `${first} ${name}` : '';
  const known = layers.flat().reverse();
  const found = known.find((one) => one.keys === both) ?? known.find((one) => one.keys === name);
  [first, firstAt] = found ? ['', 0] : [name, event.timeStamp];
  if (!found) return;
  event.preventDefault();
  found.run(event);
}

function change(next: readonly (readonly Key[])[]): void {
  if (!layers.length && next.length) window.addEventListener('keydown', hear);
  if (layers.length && !next.length) window.removeEventListener('keydown', hear);
  layers = next;
  for (const listener of listeners) listener();
}

/** Hear keys as long as the component stands; of two views that hear the same key, the later one gets it. */
export function useKeys(keys: readonly Key[]): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  const names = keys.map((one) => one.keys).join('|');
  useEffect(() => {
    const layer = latest.current.map((one, index) => ({
      ...one,
      run: (event: KeyboardEvent) => latest.current[index]?.run(event),
    }));
    change([...layers, layer]);
    return () => change(layers.filter((one) => one !== layer));
  }, [names]);
}

/** All keys that are heard now, those of the page first. */
export function useHeard(): readonly Key[] {
  const now = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => layers,
  );
  return now.flat();
}
