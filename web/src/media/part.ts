/** What the parts that show media are given. */
import type { ReactNode } from 'react';
import type { Entry } from './queries';

export interface PartProps {
  run: string;
  name: string;
  entry: Entry;
  /** Something within it (a cell of a table), as it is looked at by itself. */
  show: (entry: Entry, name: string) => ReactNode;
}
