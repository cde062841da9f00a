/** What finished runs of this machine have moved: the peak with them, and beside it the one that was assumed. */
import { useMemo } from 'react';
import { bytes } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Job } from './engine/job';
import { planned } from './engine/memory';
import css from './plan.module.css';
import { words } from './strings';

export function Measured({ job }: { job: Job }) {
  const said = useStrings(words);
  const peaks = useMemo(
    () =>
      job.measured ? [planned(job), planned({ ...job, measured: null })].map((one) => one.peak.total) : null,
    [job],
  );
  if (!peaks || !job.measured) return null;
  const [now = 0, assumed = 0] = peaks;
  return (
    <div className={css.measured}>
      <p>
        {Math.abs(now - assumed) < 1 ? said.notMoved : said.moved(bytes(now), bytes(assumed))}{' '}
        <code>--unmeasured</code>
      </p>
      <ul>
        {job.measured.words.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}
