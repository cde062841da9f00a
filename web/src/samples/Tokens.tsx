/** Rows of a step token by token: the darker, the higher the loss; a hand or the arrows read each. */
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { DARKEST } from './coloured';
import { useTokens } from './queries';
import { RowOfTokens } from './RowOfTokens';
import css from './samples.module.css';
import { words } from './strings';

const OFFERED = 24;

export function Tokens({ run, step, onStep }: { run: string; step: number; onStep: (step: number) => void }) {
  const said = useStrings(words);
  const found = useTokens(run, step);
  if (found.isPending)
    return (
      <section>
        <h2>{said.single}</h2>
        <Loading rows={3} />
      </section>
    );
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { rows, steps } = found.data;
  if (!rows.length && !steps.length) return null;
  const worst = rows
    .flatMap((row) =>
      row.losses.map((loss, index) => ({
        loss: real(loss),
        text: row.target_texts?.[index] ?? String(row.targets[index]),
      })),
    )
    .filter((one) => Number.isFinite(one.loss))
    .sort((a, b) => b.loss - a.loss)
    .slice(0, 8);
  return (
    <section>
      <h2>{said.single}</h2>
      <p>{rows.length ? said.singleAbout : said.noTokens}</p>
      {!rows.length && (
        <p className={css.steps}>
          {said.kept}
          {nearest(steps, step).map((one) => (
            <button key={one} type="button" onClick={() => onStep(one)}>
              {one}
            </button>
          ))}
        </p>
      )}
      {rows.length > 0 && (
        <p className={css.scale} aria-hidden>
          0 <span /> ≥ {DARKEST}
        </p>
      )}
      {worst.length > 0 && (
        <p className={css.worst}>
          {said.worst}
          {worst.map((one, index) => (
            <span key={index}>
              <code>{shown(one.text)}</code> {figure(one.loss)}
            </span>
          ))}
        </p>
      )}
      {rows.map((row, index) => (
        <RowOfTokens key={`${row.source} ${row.row} ${row.part} ${index}`} row={row} />
      ))}
    </section>
  );
}

/** The steps that are nearest to one, in order. */
function nearest(steps: readonly number[], step: number): number[] {
  return [...steps]
    .sort((a, b) => Math.abs(a - step) - Math.abs(b - step))
    .slice(0, OFFERED)
    .sort((a, b) => a - b);
}

/** A token with what cannot be seen in it made visible. */
function shown(text: string): string {
  return text.replaceAll('\n', '⏎').replaceAll(' ', '␣') || '∅';
}
