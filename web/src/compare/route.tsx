/** Compare: curves of many runs over one another, against one of them, and what differs in their settings. */
import { useDeferredValue, useMemo, useState } from 'react';
import { ChartGroup } from '~/shared/chart/Group';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import { Bar } from './Bar';
import { Chooser } from './Chooser';
import css from './compare.module.css';
import { CurveOfRuns } from './CurveOfRuns';
import { Differences } from './Differences';
import { Evaluated } from './Evaluated';
import { alike, placesIn } from './packed';
import { Parts } from './Parts';
import { type Comparison, useComparison } from './queries';
import { words } from './strings';
import { type CompareView, useCompareView } from './view';

export default function Compare() {
  const said = useStrings(words);
  const [view, change] = useCompareView();
  const [isChoosing, setChoosing] = useState(false);
  const groups = useGroups(view);
  const colors = useMemo(() => placesIn(view.runs, groups), [view.runs, groups]);
  return (
    <div className={css.page}>
      <aside className={css.side} data-open={isChoosing || undefined}>
        <Chooser runs={view.runs} colors={colors} onChange={(runs) => change({ runs })} />
      </aside>
      <div className={css.main}>
        <Button className={css.choose} aria-expanded={isChoosing} onClick={() => setChoosing(!isChoosing)}>
          {said.showRuns} ({view.runs.length})
        </Button>
        {view.runs.length === 0 ? (
          <Empty title={said.empty} command="whet runs compare A B">
            {said.emptyHint}
          </Empty>
        ) : (
          <>
            <Parts view={view} onChange={change} />
            {view.part === 'curves' ? <Compared /> : <Evaluated view={view} onChange={change} />}
          </>
        )}
      </div>
    </div>
  );
}

function Compared() {
  const said = useStrings(words);
  const [view, change] = useCompareView();
  const smoothing = useDeferredValue(view.smoothing);
  const found = useComparison(view.runs, '');
  const { data } = found;
  const groups = useGroups(view);
  if (found.isPending) return <Loading rows={8} />;
  if (!data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const wanted = view.find.toLowerCase();
  const metrics = data.metrics.filter((name) => name.toLowerCase().includes(wanted));
  const isLive = data.runs.some((run) => run.status === 'running');
  return (
    <ChartGroup
      name="compare"
      window={view.window}
      onWindow={(window) => change({ window })}
      smoothing={smoothing}
      isLog={view.isLog}
    >
      <Bar view={view} onChange={change} settings={Object.keys(data.config)} />
      {view.group && groups.size === data.runs.length && <Partial>{said.noneAlike(view.group)}</Partial>}
      <div className={css.charts}>
        {metrics.map((name) => (
          <CurveOfRuns key={name} name={name} view={view} groups={groups} isLive={isLive} />
        ))}
      </div>
      <Differences found={data} baseline={view.baseline} />
      <div className={css.foot}>
        <Command line={`whet runs compare ${view.runs.map(quoted).join(' ')}`} />
        {metrics.length === 0 && <p>{said.none}</p>}
      </div>
    </ChartGroup>
  );
}

const NONE: ReadonlyMap<string, readonly string[]> = new Map();

/** The runs of each curve, once it is known which of them are alike. */
function useGroups(view: CompareView): ReadonlyMap<string, readonly string[]> {
  const { data } = useComparison(view.runs, '');
  const { group, part } = view;
  return useMemo(() => (data ? groupsOf(data, part === 'curves' ? group : '') : NONE), [data, group, part]);
}

/** The runs of each curve: one, or those that differ in nothing but a setting. */
function groupsOf(found: Comparison, except: string): ReadonlyMap<string, readonly string[]> {
  const names = found.runs.map((run) => run.name);
  return except ? alike(names, found.config, except) : new Map(names.map((name) => [name, [name]]));
}
