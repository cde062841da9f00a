/** Lines of a console, however many: those that are seen, with their steps, and what is looked for marked. */
import { Fragment, type MouseEvent, useEffect, useRef } from 'react';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import css from './console.module.css';
import { piecesOf } from './marked';
import type { Line } from './queries';
import { LINE_PX, useSeen } from './seen';
import { words } from './strings';

interface Props {
  count: number;
  lineAt: (index: number) => Line | undefined;
  /** The place of the chosen line. */
  at: number | undefined;
  /** Whether they are read from their end, which is followed. */
  startsAtEnd: boolean;
  search: string;
  onFirst: (index: number) => void;
  onChoose: (line: Line) => void;
}

// Lines that are drawn before and behind those that are seen.
const AROUND = 24;

export function Lines({ count, lineAt, at, startsAtEnd, search, onFirst, onChoose }: Props) {
  const said = useStrings(words);
  const box = useRef<HTMLDivElement>(null);
  const [seen, look] = useSeen(box, count, at, startsAtEnd);
  useEffect(() => onFirst(seen.first), [onFirst, seen.first]);
  const from = Math.max(0, Math.min(seen.first, count - 1) - AROUND);
  const until = Math.min(count, seen.first + seen.room + AROUND);
  const choose = (event: MouseEvent) => {
    const place = (event.target as HTMLElement).closest<HTMLElement>('[data-index]')?.dataset.index;
    const line = place === undefined ? undefined : lineAt(Number(place));
    // Who drags over a text wants to copy it.
    if (line && !globalThis.getSelection()?.toString()) onChoose(line);
  };
  return (
    <div className={css.frame}>
      <div
        ref={box}
        className={css.lines}
        role="log"
        aria-live="off"
        aria-label={said.lines}
        tabIndex={0}
        onScroll={look}
        onClick={choose}
      >
        <div className={css.all} style={{ height: count * LINE_PX }}>
          <div style={{ transform: `translateY(${from * LINE_PX}px)` }}>
            {Array.from({ length: until - from }, (_, place) => (
              <One
                key={from + place}
                index={from + place}
                line={lineAt(from + place)}
                before={place && from + place !== seen.first ? lineAt(from + place - 1) : undefined}
                isChosen={from + place === at}
                search={search}
              />
            ))}
          </div>
        </div>
      </div>
      {!seen.isEnd && (
        <Button
          icon="down"
          className={css.toEnd}
          onClick={() => {
            if (box.current) box.current.scrollTop = box.current.scrollHeight;
          }}
        >
          {startsAtEnd && count > seen.left ? said.newLines(count - seen.left) : said.end}
        </Button>
      )}
    </div>
  );
}

interface OneProps {
  index: number;
  line: Line | undefined;
  before: Line | undefined;
  isChosen: boolean;
  search: string;
}

function One({ index, line, before, isChosen, search }: OneProps) {
  return (
    <div
      className={css.line}
      data-index={index}
      data-stream={line?.stream}
      data-chosen={isChosen || undefined}
      aria-current={isChosen || undefined}
    >
      <span className={css.step}>{line && line.step !== before?.step ? line.step : ''}</span>
      <span className={css.text}>{line ? <Marked text={line.text} search={search} /> : '…'}</span>
    </div>
  );
}

function Marked({ text, search }: { text: string; search: string }) {
  return piecesOf(text, search).map((piece, index) =>
    index % 2 ? <mark key={index}>{piece}</mark> : <Fragment key={index}>{piece}</Fragment>,
  );
}
