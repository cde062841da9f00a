/** A run in one glance: how it stands and why, how far it is, how fast, how good, and what is saved. */
import { real } from '~/shared/api/numbers';
import { Link } from '@tanstack/react-router';
import { useCurve, useDiagnoses, useMarks } from '~/shared/api/run';
import type { RunPage } from '~/shared/api/runs';
import { duration, figure, percent, whole } from '~/shared/format/numbers';
import { Time, useNow } from '~/shared/format/Time';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import { reasonIn } from '~/shared/status/reason';
import { StatusBadge } from '~/shared/status/StatusBadge';
import { Actions } from './Actions';
import { Fact } from './Fact';
import { best, firstCurves, secondsLeft } from './facts';
import css from './run.module.css';
import { Small } from './Small';
import { words } from './strings';

export function Glance({ page }: { page: RunPage }) {
  const said = useStrings(words);
  const language = useLanguage();
  const isLive = page.status === 'running';
  const names = firstCurves(page.metrics);
  const ended = page.spans.at(-1)?.[1];
  const share = real(page.summary.mfu);
  // What was served has none, and nothing of what is told of steps.
  const hasSteps = page.step !== null || page.total !== null;
  return (
    <header className={css.glance}>
      <div className={css.headLine}>
        <h1 title={page.name}>{page.name}</h1>
        <StatusBadge status={page.status} />
        <p className={css.cause}>
          {page.reason && <span>{reasonIn(language, page.reason)}</span>}
          {!isLive && ended !== undefined && <Time time={ended} />}
          {page.notes && <span className={css.note}>{page.notes}</span>}
        </p>
        <Actions page={page} />
      </div>
      <Worst run={page.name} isLive={isLive} />
      <div className={css.glanceBody}>
        <dl className={css.facts}>
          {hasSteps && <StepFact page={page} />}
          {isLive && hasSteps && <Fact name={said.left}>{duration(secondsLeft(page))}</Fact>}
          {!isLive && <Fact name={said.ran}>{duration(page.duration_s)}</Fact>}
          {hasSteps && (
            <Fact name={said.speed}>
              {page.tokens_per_s === null ? '—' : figure(real(page.tokens_per_s))}
            </Fact>
          )}
          {Number.isFinite(share) && (
            <Fact name={said.share} hint={said.shareHint}>
              {percent(share)}
            </Fact>
          )}
          <LossFact page={page} />
          {isLive && hasSteps && (
            <Fact name={said.lastStep}>
              <Age time={ended} />
            </Fact>
          )}
          {hasSteps && <CheckpointFact run={page.name} />}
        </dl>
        <div className={css.smalls}>
          {names.map((name, index) => (
            <Small key={name} run={page.name} name={name} color={index} />
          ))}
        </div>
      </div>
    </header>
  );
}

/** The gravest of what went wrong, with the way to all of it. */
function Worst({ run, isLive }: { run: string; isLive: boolean }) {
  const said = useStrings(words);
  const language = useLanguage();
  const found = useDiagnoses(run, isLive).data?.diagnoses ?? [];
  const [worst, ...others] = found;
  if (!worst) return null;
  return (
    <p className={css.worst} data-severity={worst.severity}>
      <Link to="/runs/$run/{-$tab}" params={{ run, tab: 'diagnosis' } as never}>
        {worst.what.text[language] ?? worst.what.text.en ?? worst.kind}
        {others.length > 0 && <small>{said.moreFound(others.length)}</small>}&nbsp;→
      </Link>
    </p>
  );
}

function StepFact({ page }: { page: RunPage }) {
  const said = useStrings(words);
  const share = page.total && page.step !== null ? Math.min(1, page.step / page.total) : null;
  return (
    <Fact name={said.step}>
      {page.step === null ? '—' : whole(page.step)}
      {page.total !== null && <small> / {whole(page.total)}</small>}
      {share !== null && (
        <span
          className={css.track}
          role="progressbar"
          aria-valuenow={Math.round(100 * share)}
          aria-label={said.step}
        >
          <span style={{ width: `${100 * share}%` }} />
        </span>
      )}
    </Fact>
  );
}

function LossFact({ page }: { page: RunPage }) {
  const said = useStrings(words);
  const curve = useCurve(page.name, 'loss');
  const lowest = curve.data && best(curve.data);
  if (page.loss === null) return null;
  return (
    <Fact name={said.loss}>
      {figure(real(page.loss))}
      {lowest && <small> {said.best(figure(lowest.value), whole(lowest.step))}</small>}
    </Fact>
  );
}

function CheckpointFact({ run }: { run: string }) {
  const said = useStrings(words);
  const last = useMarks(run).data?.findLast((mark) => mark.kind === 'checkpoint');
  return <Fact name={said.checkpoint}>{last ? <Time time={last.time} /> : said.none}</Fact>;
}

/** So long ago, counted each second. */
function Age({ time }: { time: number | undefined }) {
  const now = useNow(1);
  return <>{time === undefined ? '—' : duration(Math.max(0, Math.round(now - time)))}</>;
}
