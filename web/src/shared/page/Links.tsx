/** Things of a kind below one another, each a link: its name, and what is known of it at its side. */
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import css from './page.module.css';

export interface Linked {
  id: string;
  to: string;
  name: string;
  about: ReactNode;
}

export function Links({ all }: { all: readonly Linked[] }) {
  return (
    <ul className={css.links}>
      {all.map((one) => (
        <li key={one.id}>
          <Link to={one.to}>
            <b>{one.name}</b>
            {one.about}
          </Link>
        </li>
      ))}
    </ul>
  );
}
