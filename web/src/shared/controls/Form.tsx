/** A form: fields one below the other, and what sends them at the right. */
import type { ReactNode } from 'react';
import css from './field.module.css';

export function Form({ onSubmit, children }: { onSubmit: () => void; children: ReactNode }) {
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** Names that can be chosen by a click, beside a field in which they are typed. */
export function Offers({ names, onChoose }: { names: readonly string[]; onChoose: (name: string) => void }) {
  if (!names.length) return null;
  return (
    <span className={css.offers}>
      {names.map((name) => (
        <button key={name} type="button" onClick={() => onChoose(name)}>
          {name}
        </button>
      ))}
    </span>
  );
}
