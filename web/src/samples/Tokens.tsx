/** Rows of a step token by token: the darker, the higher the loss. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import { darkness, tokensOf } from './coloured';
import { useTokens } from './queries';
import css from './samples.module.css';
import { words } from './strings';

const OFFERED = 24;

export function Tokens({ run, step, onStep }: { run: string; step: number; onStep: (step: number) => void }) {
  const said = useStrings(words);
  const found = useTokens(run, step);
  if (found.isPending) return null;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { rows, steps } = found.data;
  if (!rows.length && !steps.length) return null;
  return (
    <section>
      <h2>{said.single}</h2>
      <p>{rows.length ? said.singleAbout : said.noTokens}</p>
      {!rows.length && (
        <p className={css.steps}>
          {said.kept}
          {steps.slice(0, OFFERED).map((one) => (
            <button key={one} type="button" onClick={() => onStep(one)}>
              {one}
            </button>
          ))}
        </p>
      )}
      {rows.map((row, index) => (
        <p key={index} className={css.tokens}>
          {tokensOf(row).map((token, place) =>
            Number.isNaN(token.loss) ? (
              <span key={place} className={css.read}>
                {token.text}
              </span>
            ) : (
              <span
                key={place}
                className={css.token}
                style={{ '--dark': `${Math.round(100 * darkness(token.loss))}%` } as React.CSSProperties}
                title={`${said.trained(figure(token.loss))} · ${token.id}`}
              >
                {token.text}
              </span>
            ),
          )}
        </p>
      ))}
    </section>
  );
}
