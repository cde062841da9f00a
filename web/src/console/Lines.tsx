/** Lines of a console with their steps, in the colours that were printed, what is looked for marked. */
import { Fragment, type Ref } from 'react';
import { type Part, partsOf } from './ansi';
import css from './console.module.css';
import type { Line } from './queries';

interface Props {
  ref: Ref<HTMLDivElement>;
  label: string;
  lines: readonly Line[];
  search: string;
  /** A line that was found was chosen: show what stands around it. */
  onPick: (line: number) => void;
}

export function Lines({ ref, label, lines, search, onPick }: Props) {
  return (
    <div ref={ref} className={css.lines} role="log" aria-label={label} tabIndex={0}>
      {lines.map((line, index) => (
        <div key={line.number} className={css.line} data-error={line.stream === 'stderr' || undefined}>
          <span className={css.number} title={new Date(line.time * 1000).toLocaleString()}>
            {lines[index - 1]?.step === line.step ? '' : line.step}
          </span>
          {search ? (
            <button type="button" className={css.hit} onClick={() => onPick(line.number)}>
              <Text parts={partsOf(line.text)} search={search} />
            </button>
          ) : (
            <span>
              <Text parts={partsOf(line.text)} search="" />
            </span>
          )}
        </div>
      ))}
    </div>
  );
}

function Text({ parts, search }: { parts: readonly Part[]; search: string }) {
  return parts.map((part, index) => (
    <span key={index} data-color={part.color ?? undefined} data-bold={part.isBold || undefined}>
      {search ? <Marked text={part.text} search={search} /> : part.text}
    </span>
  ));
}

function Marked({ text, search }: { text: string; search: string }) {
  const pieces: string[] = [];
  const [lower, wanted] = [text.toLowerCase(), search.toLowerCase()];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  pieces.push(text.slice(from));
  return pieces.map((piece, index) =>
    index % 2 ? <mark key={index}>{piece}</mark> : <Fragment key={index}>{piece}</Fragment>,
  );
}
