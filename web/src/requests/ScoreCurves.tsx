/** What judges and rewards say of sampled requests, over time and by version of the model. */
import { useMemo, useState } from 'react';
import { Chart } from '~/shared/chart/Chart';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import type { ChartSeries } from '~/shared/chart/series';
import { Command, quoted } from '~/shared/command/Command';
import { figure, money } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { type Scores, useScores } from './queries';
import css from './requests.module.css';
import { words } from './strings';

export function ScoreCurves({ run, filter }: { run: string; filter: string }) {
  const said = useStrings(words);
  const found = useScores(run, filter);
  const [window, setWindow] = useState<Window | null>(null);
  const charts = useMemo(() => chartsOf(found.data?.curves ?? []), [found.data]);
  if (found.isPending) return <Loading rows={3} />;
  if (found.isError) return <Failure error={found.error} />;
  const score = `whet requests score ${quoted(run)} --sample 0.1 --reward judge url=http://127.0.0.1:8000/v1`;
  if (!charts.length)
    return (
      <>
        <p className={css.quiet}>{said.noScores}</p>
        <Command line={score} />
      </>
    );
  return (
    <>
      <p className={css.quiet}>{said.scoresAbout}</p>
      <ChartGroup name={`scores ${run}`} window={window} onWindow={setWindow}>
        <div className={css.charts}>
          {charts.map((one) => (
            <Chart key={one.score} title={one.score} series={one.series} height={200} />
          ))}
        </div>
      </ChartGroup>
      {found.data.scorings.map((one) => (
        <Scoring key={one.time} of={one} />
      ))}
      <Command line={score} />
    </>
  );
}

function Scoring({ of }: { of: Scores['scorings'][number] }) {
  const said = useStrings(words);
  const rewards = Object.entries((of.about.rewards ?? {}) as Record<string, Record<string, unknown>>);
  const prompts = Object.entries((of.about.prompts ?? {}) as Record<string, string>);
  return (
    <details className={css.scoring}>
      <summary>
        <Time time={of.time} /> · {said.scored(figure(of.num), rewards.map(([name]) => name).join(', '))}
        {of.cost !== null && ` · ${said.costs(money(of.cost))}`}
      </summary>
      {rewards.map(([name, settings]) => (
        <p key={name}>
          <b>{name}</b> <code>{JSON.stringify(settings)}</code>
        </p>
      ))}
      {prompts.map(([name, text]) => (
        <div key={name} className={css.message}>
          <b>{said.judgePrompt(name)}</b>
          <pre>{text}</pre>
        </div>
      ))}
    </details>
  );
}

/** A chart a score, on which each version is a curve over the seconds since the first request. */
function chartsOf(curves: Scores['curves']): { score: string; series: ChartSeries[] }[] {
  const start = Math.min(...curves.flatMap((one) => one.points.map((point) => point.begin)));
  const names = [...new Set(curves.map((one) => one.score))];
  return names.map((score) => ({
    score,
    series: curves
      .filter((one) => one.score === score)
      .map(({ model, version, points }) => {
        const of = (value: (point: (typeof points)[number]) => number) => Float64Array.from(points, value);
        return {
          id: `${model} ${version}`,
          label: version && version !== model ? `${model} · ${version}` : model,
          curve: {
            first: of((point) => point.begin - start),
            last: of((point) => point.end - start),
            low: of((point) => point.low ?? point.mean),
            high: of((point) => point.high ?? point.mean),
            mean: of((point) => point.mean),
            odd: [],
            unit: 's',
          },
        };
      }),
  }));
}
