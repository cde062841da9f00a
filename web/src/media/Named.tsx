/** What was logged by a name, as it was at a step. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './media.module.css';
import { Shown } from './Shown';
import { type Series, isWide, shownAt } from './stepped';
import { words } from './strings';

export function Named({ run, series, step }: { run: string; series: Series; step: number }) {
  const said = useStrings(words);
  const media = shownAt(series, step);
  const at = media[0]?.step;
  const isSeveral = media.length > 1;
  const many = media.reduce((sum, medium) => sum + medium.entries.length, 0) > 2;
  return (
    <section className={css.named} data-wide={many || isWide(series.at) || undefined}>
      <h2>
        {series.name}
        {at !== undefined && (
          <small>{at === step ? said.loggedAt(figure(at)) : said.earlier(figure(at))}</small>
        )}
      </h2>
      {at === undefined && <p className={css.quiet}>{said.notYet}</p>}
      {media.map((medium) => (
        <div key={medium.writer} className={css.entries}>
          {isSeveral && <p className={css.quiet}>{said.rank(medium.writer)}</p>}
          {medium.entries.map((entry, index) => (
            <Shown key={`${index} ${String(entry.path ?? '')}`} run={run} name={series.name} entry={entry} />
          ))}
        </div>
      ))}
    </section>
  );
}
