/** What was logged by a name, as it was at a step; of several runs side by side. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './media.module.css';
import { Shown } from './Shown';
import { type Series, isWide, shownAt } from './stepped';
import { words } from './strings';

export interface Column {
  run: string;
  /** Undefined where a run logged nothing by the name. */
  series: Series | undefined;
}

interface Props {
  name: string;
  columns: readonly Column[];
  step: number;
}

export function Named({ name, columns, step }: Props) {
  const said = useStrings(words);
  const isBeside = columns.length > 1;
  const own = columns.flatMap((one) => one.series?.at ?? []);
  const most = Math.max(
    0,
    ...columns.map(({ series }) =>
      series ? shownAt(series, step).reduce((sum, one) => sum + one.entries.length, 0) : 0,
    ),
  );
  return (
    <section className={css.named} data-wide={isBeside || most > 2 || isWide(own) || undefined}>
      <h2>
        {name}
        {!isBeside && <At column={columns[0]} step={step} />}
      </h2>
      {isBeside ? (
        <div className={css.beside}>
          {columns.map((one) => (
            <div key={one.run} role="group" aria-label={one.run}>
              <h3>
                {one.run}
                <At column={one} step={step} />
              </h3>
              {one.series ? (
                <Entries run={one.run} series={one.series} step={step} />
              ) : (
                <p className={css.quiet}>{said.never}</p>
              )}
            </div>
          ))}
        </div>
      ) : (
        columns.map(
          (one) => one.series && <Entries key={one.run} run={one.run} series={one.series} step={step} />,
        )
      )}
    </section>
  );
}

/** At which step it was logged. */
function At({ column, step }: { column: Column | undefined; step: number }) {
  const said = useStrings(words);
  const at = column?.series && shownAt(column.series, step)[0]?.step;
  if (at === undefined) return null;
  return <small>{at === step ? said.loggedAt(figure(at)) : said.earlier(figure(at))}</small>;
}

function Entries({ run, series, step }: { run: string; series: Series; step: number }) {
  const said = useStrings(words);
  const media = shownAt(series, step);
  if (!media.length) return <p className={css.quiet}>{said.notYet}</p>;
  return media.map((medium) => (
    <div key={medium.writer} className={css.entries}>
      {media.length > 1 && <p className={css.quiet}>{said.rank(medium.writer)}</p>}
      {medium.entries.map((entry, index) => (
        <Shown key={`${index} ${String(entry.path ?? '')}`} run={run} name={series.name} entry={entry} />
      ))}
    </div>
  ));
}
