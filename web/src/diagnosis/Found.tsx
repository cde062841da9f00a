/** One finding: how grave, what, where to look, what to do, and the figures and rows that show it. */
import { Link } from '@tanstack/react-router';
import type { Answered } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { CopyButton } from '~/shared/controls/Copy';
import { bytes, duration, figure, percent } from '~/shared/format/numbers';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import css from './diagnosis.module.css';
import { words } from './strings';

type Finding = Answered<'/api/v1/runs/{run}/diagnoses'>['diagnoses'][number];

const ROWS = 5;

export function Found({ run, finding }: { run: string; finding: Finding }) {
  const said = useStrings(words);
  const language = useLanguage();
  const text = (of: Record<string, string>, otherwise: string) => of[language] ?? of.en ?? otherwise;
  return (
    <article className={css.finding} data-severity={finding.severity}>
      <h2>
        <span className={css.severity}>{said[finding.severity]}</span>
        <span className={css.what}>{text(finding.what.text, finding.what.id)}</span>
      </h2>
      <p className={css.where}>
        {finding.kind} · {said.step(finding.first_step, finding.last_step)} ·{' '}
        <Link to={finding.link} data-look>
          {said.look} →
        </Link>
      </p>
      <p>
        <b>{said.remedy}:</b> {text(finding.remedy.text, finding.remedy.id)}
      </p>
      {finding.remedy.typed && (
        <p className={css.typed}>
          <code>{finding.remedy.typed}</code>
          <CopyButton text={finding.remedy.typed} />
        </p>
      )}
      {finding.figures.length > 0 && (
        <dl className={css.figures} aria-label={said.evidence}>
          {finding.figures.map((one, index) => (
            <div key={index}>
              <dt>
                {text(one.text, one.name)}
                {one.step !== null && ` @ ${one.step}`}
              </dt>
              <dd>{withUnit(real(one.value), one.unit)}</dd>
            </div>
          ))}
        </dl>
      )}
      <Rows run={run} rows={finding.rows} />
    </article>
  );
}

function Rows({ run, rows }: { run: string; rows: Finding['rows'] }) {
  const said = useStrings(words);
  if (!rows.length) return null;
  return (
    <ul className={css.rows}>
      {rows.slice(0, ROWS).map((row, index) => (
        <li key={index}>
          <span title={row.source}>
            {said.row(
              row.source.split('/').at(-1) ?? '',
              row.part ? `${row.row}.${row.part}` : String(row.row),
            )}
          </span>
          {row.loss !== null && ` · ${said.loss} ${figure(real(row.loss))}`} ·{' '}
          <Link
            to="/runs/$run/{-$tab}"
            params={{ run, tab: 'samples' } as never}
            search={{ step: String(row.step) } as never}
          >
            {said.step(row.step, row.step)}
          </Link>
        </li>
      ))}
      {rows.length > ROWS && <li>{said.moreRows(rows.length - ROWS)}</li>}
    </ul>
  );
}

function withUnit(value: number, unit: string): string {
  switch (unit) {
    case 's':
      return duration(value);
    case 'bytes':
      return bytes(value);
    case 'share':
      return percent(value);
  }
  return unit ? `${figure(value)} ${unit}` : figure(value);
}
