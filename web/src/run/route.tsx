/** One run: its state in one glance, then a tab a question. */
import { useParams } from '@tanstack/react-router';
import { type ComponentType, Suspense, lazy } from 'react';
import { runTabs } from './tabs';
import { useLiveRun, useRun } from '~/shared/api/run';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Failure, Loading, Partial } from '~/shared/states/States';
import { Charts } from './charts/Charts';
import { Glance } from './Glance';
import { Overview } from './overview/Overview';
import css from './run.module.css';
import { words } from './strings';
import { Tabs } from './Tabs';

const LOADED: Readonly<Record<string, ComponentType>> = {
  charts: Charts,
  overview: Overview,
  ...Object.fromEntries(runTabs.map((tab) => [tab.id, lazy(tab.load)])),
};

export default function RunPage() {
  const said = useStrings(words);
  const run = useRunName();
  const { tab = 'charts' } = useParams({ strict: false }) as { tab?: string };
  const found = useRun(run);
  useLiveRun(run, found.data);
  if (found.isPending) return <Loading rows={12} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const page = found.data;
  const Shown = LOADED[tab] ?? Charts;
  return (
    <div className={css.page}>
      <Glance page={page} />
      {page.dropped > 0 && <Partial>{said.dropped(page.dropped)}</Partial>}
      {page.breaks.length > 0 && <Partial>{said.breaks(page.breaks.length)}</Partial>}
      {page.newer.length > 0 && <Partial>{said.newer}</Partial>}
      <Tabs run={run} active={LOADED[tab] ? tab : 'charts'} />
      <div className={css.tab}>
        <Suspense fallback={<Loading />}>
          <Shown />
        </Suspense>
      </div>
    </div>
  );
}
