/** One fact of the glance: its name and its value. */
import type { ReactNode } from 'react';
import css from './run.module.css';

export function Fact({ name, hint, children }: { name: string; hint?: string; children: ReactNode }) {
  return (
    <div className={css.fact} title={hint}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
