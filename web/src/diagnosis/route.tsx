/** Diagnosis: what went wrong in a run, on what evidence, and what to do about it. */
import { Link } from '@tanstack/react-router';
import { real } from '~/shared/api/numbers';
import { type Diagnoses, useDiagnoses, useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { CopyButton } from '~/shared/controls/Copy';
import { bytes, duration, figure, percent } from '~/shared/format/numbers';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import css from './diagnosis.module.css';
import { words } from './strings';

type Finding = Diagnoses['diagnoses'][number];

const ROWS = 5;

export default function Diagnosis() {
  const said = useStrings(words);
  const run = useRunName();
  const isLive = useRun(run).data?.status === 'running';
  const found = useDiagnoses(run, isLive);
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { diagnoses, is_whole } = found.data;
  return (
    <div className={css.page}>
      {!is_whole && <Partial>{said.live}</Partial>}
      {diagnoses.length === 0 && <Empty title={said.fine}>{said.fineAbout}</Empty>}
      {diagnoses.map((one, index) => (
        <One key={index} finding={one} />
      ))}
      <Command line={`whet diagnose ${quoted(run)}`} />
    </div>
  );
}

function One({ finding }: { finding: Finding }) {
  const said = useStrings(words);
  const language = useLanguage();
  const text = (of: Finding['what']) => of.text[language] ?? of.text.en ?? of.id;
  return (
    <article className={css.finding} data-severity={finding.severity}>
      <h2>
        <span className={css.severity}>{said[finding.severity]}</span>
        {text(finding.what)}
      </h2>
      <p className={css.where}>
        {finding.kind} · {said.step(finding.first_step, finding.last_step)} ·{' '}
        <Link to={finding.link}>{said.look} →</Link>
      </p>
      <p>
        <b>{said.remedy}:</b> {text(finding.remedy)}
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
                {one.name}
                {one.step !== null && ` @ ${one.step}`}
              </dt>
              <dd>{withUnit(real(one.value), one.unit)}</dd>
            </div>
          ))}
        </dl>
      )}
      {finding.rows.length > 0 && (
        <ul className={css.rows}>
          {finding.rows.slice(0, ROWS).map((row, index) => (
            <li key={index}>
              {said.row(row.source, row.part ? `${row.row}.${row.part}` : String(row.row))} · {said.loss}{' '}
              {figure(real(row.loss))}
            </li>
          ))}
        </ul>
      )}
    </article>
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
