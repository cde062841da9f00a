/** What the console shows, as its address says it: whose, which lines, what is looked for, and where one stands. */
import { useMemo } from 'react';
import { useAddress } from '~/shared/url/search';
import type { Stream } from './queries';

export interface ConsoleView {
  rank: number;
  stream: Stream | undefined;
  find: string;
  /** Of what is looked for the lines that have it, and no others. */
  isOnly: boolean;
  /** The line that was chosen, by number; else the first of a step. */
  line: number | undefined;
  step: number | undefined;
}

const STREAMS: readonly Stream[] = ['stdout', 'stderr'];
const numberOf = (text: string | undefined) =>
  text === undefined || !(Number(text) >= 0) ? undefined : Math.floor(Number(text));

export function useConsoleView(): [ConsoleView, (change: Partial<ConsoleView>) => void] {
  const [address, change] = useAddress();
  const { rank, stream, find, only, line, step } = address;
  const view = useMemo(
    () => ({
      rank: numberOf(rank) ?? 0,
      stream: STREAMS.find((one) => one === stream),
      find: find ?? '',
      isOnly: only === 'yes',
      line: numberOf(line),
      step: numberOf(step),
    }),
    [rank, stream, find, only, line, step],
  );
  return [
    view,
    (part) => {
      const next = { ...view, ...part };
      change({
        rank: next.rank ? String(next.rank) : undefined,
        stream: next.stream,
        find: next.find || undefined,
        only: next.isOnly ? 'yes' : undefined,
        line: next.line === undefined ? undefined : String(next.line),
        step: next.step === undefined ? undefined : String(next.step),
      });
    },
  ];
}
