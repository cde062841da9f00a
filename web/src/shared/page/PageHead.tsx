/** The head of a page: what it is, a line about it, and at its side what can be done. Where it belongs stands above. */
import type { ReactNode } from 'react';
import css from './page.module.css';

interface Props {
  title: string;
  /** Below the title. */
  about?: ReactNode;
  /** Buttons. */
  children?: ReactNode;
}

export function PageHead({ title, about, children }: Props) {
  return (
    <header className={css.head}>
      <div>
        <h1>{title}</h1>
        {typeof about === 'string' ? <p>{about}</p> : about}
      </div>
      {children}
    </header>
  );
}
