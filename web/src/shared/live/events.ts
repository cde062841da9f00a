/** Server-sent events: a stream that stands while its page is seen, and whether the server answers. */
import { useEffect, useRef, useSyncExternalStore } from 'react';

let isUp = true;
const listeners = new Set<() => void>();

/** Note whether the server was there at the last try. */
export function noteServer(answers: boolean): void {
  if (answers === isUp) return;
  isUp = answers;
  for (const listener of listeners) listener();
}

/** Whether the server answered last time. */
export function useServerUp(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isUp,
  );
}

type Handlers = Readonly<Record<string, (data: unknown) => void>>;

/**
 * Follow a stream: `handlers` by the names of its events are given their JSON. A browser keeps few connections to one
 * server, so a page that is not seen lets go of its own; once it is seen again `onResume` asks for what it has missed.
 * `path` null follows nothing.
 */
export function useEvents(path: string | null, handlers: Handlers, onResume: () => void): void {
  const latest = useRef({ handlers, onResume });
  useEffect(() => {
    latest.current = { handlers, onResume };
  });
  const names = Object.keys(handlers).join(' ');
  useEffect(() => {
    if (path === null || typeof EventSource === 'undefined') return;
    let source: EventSource | null = null;
    const open = () => {
      source = new EventSource(path);
      source.onopen = () => noteServer(true);
      source.onerror = () => noteServer(false);
      for (const name of names.split(' ')) {
        source.addEventListener(name, (event) =>
          latest.current.handlers[name]?.(JSON.parse(event.data as string)),
        );
      }
    };
    const shut = () => {
      source?.close();
      source = null;
    };
    const turn = () => {
      if (document.hidden) shut();
      else if (source === null) {
        latest.current.onResume();
        open();
      }
    };
    if (!document.hidden) open();
    document.addEventListener('visibilitychange', turn);
    return () => {
      document.removeEventListener('visibilitychange', turn);
      shut();
    };
  }, [path, names]);
}
