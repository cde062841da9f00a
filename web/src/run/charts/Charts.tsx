/** All curves of a run, grouped by what stands before the `/` in their names; zooming asks for every point. */
import { useDeferredValue, useMemo, useState } from 'react';
import { useDiagnoses, useMarks, useRun } from '~/shared/api/run';
import { ChartGroup } from '~/shared/chart/Group';
import type { ChartMark } from '~/shared/chart/marks';
import { Command, quoted } from '~/shared/command/Command';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty } from '~/shared/states/States';
import { grouped } from '../facts';
import css from '../run.module.css';
import { words } from '../strings';
import { Bar } from './Bar';
import { CurveChart } from './CurveChart';
import { Group } from './Group';
import { StepDialog } from './StepDialog';
import { useChartView } from './view';

export function Charts() {
  const said = useStrings(words);
  const run = useRunName();
  const page = useRun(run).data;
  const [view, change] = useChartView();
  const [picked, setPicked] = useState<number | null>(null);
  const smoothing = useDeferredValue(view.smoothing);
  const all = useMarks(run).data;
  const language = useLanguage();
  const found = useDiagnoses(run, page?.status === 'running').data?.diagnoses;
  const marks = useMemo((): ChartMark[] => {
    if (view.x !== 'step') return [];
    return [
      ...(all ?? []).map(({ kind, step, text }) => ({ kind, x: step, text })),
      ...(found ?? []).map(({ kind, first_step, what }) => ({
        kind: 'diagnosis',
        x: first_step,
        text: what.text[language] ?? kind,
      })),
    ];
  }, [all, found, language, view.x]);
  const names = page?.metrics ?? [];
  const shown = names.filter(
    (name) =>
      name.toLowerCase().includes(view.find.toLowerCase()) &&
      (view.names.length === 0 || view.names.includes(name)),
  );
  if (!page) return null;
  if (!names.length) return <Empty title={said.noCurves}>{said.noCurvesHint}</Empty>;
  const isOver = view.x === 'step';
  return (
    <ChartGroup
      name={`run ${run}`}
      window={view.window}
      onWindow={(window) => change({ window })}
      smoothing={smoothing}
      isLog={view.isLog}
    >
      <Bar view={view} onChange={change} />
      {grouped(shown).map(([prefix, part]) => (
        <Group
          key={prefix}
          run={run}
          name={prefix}
          count={part.length}
          isFound={view.find !== '' || view.names.length > 0}
        >
          {part.map((name) => (
            <CurveChart
              key={name}
              run={run}
              name={name}
              view={view}
              isLive={page.status === 'running'}
              marks={marks}
              onPick={isOver ? (x) => setPicked(Math.round(x)) : undefined}
            />
          ))}
        </Group>
      ))}
      <div className={css.foot}>
        <Command line={`whet show ${quoted(run)}`} />
      </div>
      {picked !== null && (
        <StepDialog run={run} step={picked} names={names} onClose={() => setPicked(null)} />
      )}
    </ChartGroup>
  );
}
