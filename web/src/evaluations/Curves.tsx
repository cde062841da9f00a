/** Held-out figures over steps, one chart each. */
import { useMemo, useState } from 'react';
import { useCurve } from '~/shared/api/run';
import { Chart } from '~/shared/chart/Chart';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import css from './evaluations.module.css';
import { words } from './strings';

export function Curves({ run, names }: { run: string; names: readonly string[] }) {
  const said = useStrings(words);
  const [window, setWindow] = useState<Window | null>(null);
  return (
    <section>
      <h2>{said.while}</h2>
      <p>{said.whileAbout}</p>
      <ChartGroup name={`evaluations ${run}`} window={window} onWindow={setWindow}>
        <div className={css.charts}>
          {names.map((name) => (
            <One key={name} run={run} name={name} />
          ))}
        </div>
      </ChartGroup>
    </section>
  );
}

function One({ run, name }: { run: string; name: string }) {
  const found = useCurve(run, name);
  const series = useMemo(
    () => (found.data ? [{ id: name, label: name, curve: found.data }] : []),
    [found.data, name],
  );
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  return <Chart title={name} series={series} />;
}
