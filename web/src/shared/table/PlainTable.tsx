/** A table that is all there: in a narrow window it scrolls, by the keyboard too. Cells of numbers are `data-number`. */
import type { ReactNode } from 'react';
import css from './plain.module.css';

interface Props {
  /** What it is, for who cannot see it. */
  label: string;
  /** As wide as there is room; as its content is; or no higher than the window, with its head in view. */
  form?: 'full' | 'fit' | 'tall';
  children: ReactNode;
}

export function PlainTable({ label, form = 'full', children }: Props) {
  return (
    <div className={css.scroll} data-form={form} tabIndex={0} role="region" aria-label={label}>
      <table className={css.table}>{children}</table>
    </div>
  );
}
