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

// A browser tries again by itself where a connection breaks, not where it was refused: then we do, ever more rarely.
const [SOON_MS, LATEST_MS] = [1_000, 30_000];

/**
 * Follow a stream: `handlers` by the names of its events are given their JSON. A browser keeps few connections to one
 * server, so a page that is not seen lets go of its own; once it is seen again `onResume` asks for what it has missed.
 * `path` null follows nothing. A server that refuses (it starts again, it has too many viewers) is asked again.
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
    let [wait, again] = [SOON_MS, 0 as unknown as ReturnType<typeof setTimeout>];
    const open = () => {
      const opened = new EventSource(path);
      source = opened;
      opened.onopen = () => {
        noteServer(true);
        wait = SOON_MS;
      };
      opened.onerror = () => {
        // A browser goes on trying where nobody answers; whoever refuses is there.
        if (opened.readyState !== EventSource.CLOSED) return noteServer(false);
        again = setTimeout(resume, wait);
        wait = Math.min(2 * wait, LATEST_MS);
      };
      for (const name of names.split(' ')) {
        opened.addEventListener(name, (event) =>
          latest.current.handlers[name]?.(JSON.parse(event.data as string)),
        );
      }
    };
    const resume = () => {
      latest.current.onResume();
      open();
    };
    const shut = () => {
      clearTimeout(again);
      source?.close();
      source = null;
    };
    const turn = () => {
      if (document.hidden) shut();
      else if (source === null) resume();
    };
    if (!document.hidden) open();
    document.addEventListener('visibilitychange', turn);
    return () => {
      document.removeEventListener('visibilitychange', turn);
      shut();
    };
  }, [path, names]);
}
