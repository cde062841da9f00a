/** One row in its tokens: which row it is, each token in its colour, and what is known of the one that is read. */
import { useMemo } from 'react';
import { figure, percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { usePointed } from '~/shared/keys/pointed';
import { type Token, darkness, tokensOf } from './coloured';
import type { TokensOfRow } from './queries';
import css from './samples.module.css';
import { words } from './strings';

export function RowOfTokens({ row }: { row: TokensOfRow }) {
  const said = useStrings(words);
  const tokens = useMemo(() => tokensOf(row), [row]);
  const { at, leave, hands } = usePointed(tokens.length);
  const losses = tokens.map((token) => token.loss).filter(Number.isFinite);
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const read = at === null ? undefined : tokens[at];
  const name = said.rowOf(row.row, row.source.split('/').at(-1) ?? '');
  return (
    <div className={css.row}>
      <p className={css.rowAbout} title={row.source}>
        <b>{name}</b> {said.trainedOf(losses.length, tokens.length, figure(mean))}
        <output>{read && told(read, said)}</output>
      </p>
      <p
        className={css.tokens}
        role="group"
        aria-label={said.tokensOf(name)}
        tabIndex={0}
        {...hands}
        onPointerLeave={leave}
        onBlur={leave}
      >
        {tokens.map((token, place) => (
          <span
            key={place}
            data-place={place}
            data-at={place === at || undefined}
            className={Number.isNaN(token.loss) ? css.read : css.token}
            style={
              Number.isNaN(token.loss)
                ? undefined
                : ({ '--dark': `${Math.round(100 * darkness(token.loss))}%` } as React.CSSProperties)
            }
          >
            {token.text}
          </span>
        ))}
      </p>
    </div>
  );
}

function told(token: Token, said: ReturnType<typeof useStrings<typeof words>>): string {
  const of = JSON.stringify(token.text);
  if (Number.isNaN(token.loss)) return said.onlyRead(of, token.id);
  return said.trained(of, token.id, figure(token.loss), percent(Math.exp(-token.loss)));
}
