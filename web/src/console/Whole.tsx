/** The whole console of a rank: every line has its place, and is asked for where it is seen. */
import type { Line, Source } from './queries';
import { useLines } from './queries';
import { Lines } from './Lines';

interface Props {
  source: Source;
  total: number;
  /** The number of the chosen line, and of the first that is seen. */
  line: number | undefined;
  first: number;
  search: string;
  onFirst: (number: number) => void;
  onChoose: (line: Line) => void;
}

// A browser draws no box that is much higher than so many lines: of more the last ones, or those around the chosen one.
const MOST = 1_500_000;

export function Whole({ source, total, line, first, search, onFirst, onChoose }: Props) {
  const base = Math.max(0, Math.min(total - MOST, (line ?? Infinity) - MOST / 2));
  const lines = useLines(source, base + first, total);
  const begin = lines[0]?.number ?? 0;
  return (
    <Lines
      count={Math.min(MOST, total - base)}
      lineAt={(index) => lines[base + index - begin]}
      at={line === undefined ? undefined : Math.min(line, total - 1) - base}
      startsAtEnd
      search={search}
      onFirst={onFirst}
      onChoose={onChoose}
    />
  );
}
