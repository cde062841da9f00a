/** One curve of all runs, asked for once it is near what is seen. */
import { useMemo, useRef } from 'react';
import { Chart } from '~/shared/chart/Chart';
import type { ChartSeries } from '~/shared/chart/series';
import type { Curve } from '~/shared/chart/curve';
import { useNear } from '~/shared/chart/useNear';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import { type Band, banded } from './bands';
import css from './compare.module.css';
import { relative } from './packed';
import { useCurveOfRuns } from './queries';
import { words } from './strings';
import type { CompareView } from './view';

interface Props {
  name: string;
  view: CompareView;
  /** The runs of each curve, under the name of one of them. */
  groups: ReadonlyMap<string, readonly string[]>;
  isLive: boolean;
}

export function CurveOfRuns(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const isNear = useNear(place);
  return (
    <div ref={place} className={css.chartPlace}>
      {isNear && <Loaded {...props} />}
    </div>
  );
}

function Loaded({ name, view, groups, isLive }: Props) {
  const said = useStrings(words);
  const found = useCurveOfRuns(view.runs, name, view.x, isLive);
  const series = useMemo(
    () => (found.data ? seriesOf(found.data, view.runs, groups, view.baseline, view.band) : []),
    [found.data, view.runs, groups, view.baseline, view.band],
  );
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return null;
  const missing = view.runs.filter((run) => !found.data.has(run));
  return (
    <>
      <Chart title={view.baseline ? said.percent(name) : name} series={series} height={220} />
      {missing.length > 0 && missing.length < view.runs.length && view.x !== 'step' && (
        <p className={css.missing}>{said.missing(missing.join(', '))}</p>
      )}
    </>
  );
}

function seriesOf(
  curves: ReadonlyMap<string, Curve>,
  runs: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
  baseline: string,
  band: Band,
): ChartSeries[] {
  const drawn = new Map<string, Curve>();
  const sizes = new Map<string, number>();
  for (const [name, members] of groups) {
    const known = members.map((one) => curves.get(one)).filter((one) => one !== undefined);
    if (!known.length) continue;
    drawn.set(name, banded(known, band));
    sizes.set(name, known.length);
  }
  const home = [...groups].find(([, members]) => members.includes(baseline))?.[0];
  const base = home === undefined ? undefined : drawn.get(home);
  return [...groups.keys()].flatMap((name) => {
    const curve = drawn.get(name);
    if (!curve) return [];
    const size = sizes.get(name) ?? 1;
    const label = size > 1 ? `${name} × ${size}` : name;
    return [{ id: name, label, curve: base ? relative(curve, base) : curve, color: runs.indexOf(name) }];
  });
}
