/** The tokens of an answer: the darker, the less likely; a hand or the arrows read each, with what was likelier. */
import { percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { usePointed } from '~/shared/keys/pointed';
import css from './playground.module.css';
import type { Token } from './stream';
import { words } from './strings';

// Of less than one chance in a thousand a token is as dark as it gets.
const DARKEST = 7;

export function Tokens({ tokens }: { tokens: readonly Token[] }) {
  const said = useStrings(words);
  const { at, hands } = usePointed(tokens.length);
  const read = at === null ? undefined : tokens[at];
  return (
    <>
      <p className={css.tokens} role="group" aria-label={said.tokensOf} tabIndex={0} {...hands}>
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
