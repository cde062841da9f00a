/** The tokens of an answer: the darker, the less likely; a hand or the arrows read each, with what was likelier. */
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './playground.module.css';
import type { Token } from './stream';
import { words } from './strings';

// Of less than one chance in a thousand a token is as dark as it gets.
const DARKEST = 7;

export function Tokens({ tokens }: { tokens: readonly Token[] }) {
  const said = useStrings(words);
  const [at, setAt] = useState<number | null>(null);
  const read = at === null ? undefined : tokens[at];
  const point = (event: PointerEvent) => {
    const place = (event.target as HTMLElement).dataset.place;
    if (place !== undefined) setAt(Number(place));
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setAt(at === null ? 0 : Math.min(tokens.length - 1, Math.max(0, at + by)));
  };
  return (
    <>
      <p
        className={css.tokens}
        role="group"
        aria-label={said.tokensOf}
        tabIndex={0}
        onPointerOver={point}
        onPointerDown={point}
        onKeyDown={key}
      >
        {tokens.map((token, place) => (
          <span
            key={place}
            data-place={place}
            data-at={place === at || undefined}
            style={{ '--dark': `${darkness(token.logprob)}%` } as React.CSSProperties}
          >
            {token.text}
          </span>
        ))}
      </p>
      <output className={css.read}>
        {read && (
          <>
            <code>{shown(read.text)}</code> {said.chance(percent(Math.exp(read.logprob)))}
            <span className={css.quiet}>{said.others}</span>
            {read.top.map((one, index) => (
              <span key={index}>
                <code>{shown(one.text)}</code> {percent(Math.exp(one.logprob))}
              </span>
            ))}
          </>
        )}
      </output>
    </>
  );
}

/** How dark a token of a log-probability is, in percent. */
export const darkness = (logprob: number): number =>
  Math.round(100 * Math.min(1, Math.max(0, -logprob / DARKEST)));

/** A token with what cannot be seen in it made visible. */
const shown = (text: string): string => text.replaceAll('\n', '⏎').replaceAll(' ', '␣') || '∅';
