/** The head of a page: where it belongs, what it is, a line about it, and at its side what can be done. */
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import css from './page.module.css';

interface Props {
  /** The page of all such things. */
  home?: { to: string; text: string };
  title: string;
  /** Below the title. */
  about?: ReactNode;
  /** Buttons. */
  children?: ReactNode;
}

export function PageHead({ home, title, about, children }: Props) {
  return (
    <header className={css.head}>
      <div>
        {home && (
          <Link to={home.to} className={css.home}>
            {home.text}
          </Link>
        )}
        <h1>{title}</h1>
        {typeof about === 'string' ? <p>{about}</p> : about}
      </div>
      {children}
    </header>
  );
}
