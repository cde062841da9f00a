/** Short news at the edge: what was done, with a way to take it back; or what failed. */
import { useEffect, useSyncExternalStore } from 'react';
import { hintOf, messageOf } from '~/shared/api/failure';
import { useStrings } from '~/shared/i18n/i18n';
import css from './layers.module.css';
import { words } from './strings';

interface Toast {
  id: number;
  text: string;
  isBad: boolean;
  undo?: () => void;
}

const SHOWN_MS = 8000;
let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Say what was done; `undo` takes it back. */
export function tell(text: string, undo?: () => void): void {
  change([...toasts.slice(-2), { id: ++last, text, isBad: false, undo }]);
}

/** Say what failed. */
export function tellFailure(error: unknown): void {
  const hint = hintOf(error);
  const text = `${messageOf(error)}${hint ? ` — ${hint}` : ''}`;
  change([...toasts.slice(-2), { id: ++last, text, isBad: true }]);
}

const drop = (id: number) => change(toasts.filter((one) => one.id !== id));

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    // A dialog looks where a press fell once it is over, when what was pressed here may be gone: it hears of none.
    <div
      className={css.toasts}
      role="status"
      aria-live="polite"
      onPointerDown={(event) => event.stopPropagation()}
    >
      {shown.map((one) => (
        <One key={one.id} toast={one} />
      ))}
    </div>
  );
}

function One({ toast }: { toast: Toast }) {
  const said = useStrings(words);
  useEffect(() => {
    const timer = setTimeout(() => drop(toast.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast.id]);
  return (
    <div className={css.toast} data-bad={toast.isBad || undefined}>
      <span>{toast.text}</span>
      {toast.undo && (
        <button
          type="button"
          onClick={() => {
            toast.undo?.();
            drop(toast.id);
          }}
        >
          {said.undo}
        </button>
      )}
      <button type="button" aria-label={said.close} onClick={() => drop(toast.id)}>
        ✕
      </button>
    </div>
  );
}
