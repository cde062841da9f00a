/** A sentence in which what stands between backticks is something to type. */
import { Fragment } from 'react';

export function Coded({ children }: { children: string }) {
  return children
    .split('`')
    .map((part, index) =>
      index % 2 ? <code key={index}>{part}</code> : <Fragment key={index}>{part}</Fragment>,
    );
}
