/** One curve of the run: asked for once it is near what is seen, in full for the window that is. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef } from 'react';
import { useCurve } from '~/shared/api/run';
import { Chart } from '~/shared/chart/Chart';
import { type Curve, isMerged, spliced, stepsOf } from '~/shared/chart/curve';
import type { ChartMark } from '~/shared/chart/marks';
import { useNear } from '~/shared/chart/useNear';
import { spanOf } from '~/shared/chart/series';
import { Failure } from '~/shared/states/States';
import css from '../run.module.css';
import type { ChartView } from './view';

interface Props {
  run: string;
  name: string;
  view: ChartView;
  isLive: boolean;
  marks: readonly ChartMark[];
  onPick?: (x: number) => void;
}

export function CurveChart(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const isNear = useNear(place);
  return (
    <div ref={place} className={css.chartPlace}>
      {isNear && <Loaded {...props} />}
    </div>
  );
}

const AGAIN_MS = 10_000;

function Loaded({ run, name, view, isLive, marks, onPick }: Props) {
  const client = useQueryClient();
  const whole = useCurve(run, name, null, view.x);
  // A live curve grows along steps; where they lie on another axis only the server knows.
  useEffect(() => {
    if (!isLive || view.x === 'step') return;
    const timer = setInterval(
      () => void client.invalidateQueries({ queryKey: ['run', run, 'curve', name, view.x] }),
      AGAIN_MS,
    );
    return () => clearInterval(timer);
  }, [client, run, name, view.x, isLive]);
  if (whole.isError && !whole.data)
    return <Failure error={whole.error} onRetry={() => void whole.refetch()} />;
  if (!whole.data) return null;
  if (view.window)
    return <InWindow run={run} name={name} view={view} whole={whole.data} marks={marks} onPick={onPick} />;
  return <Drawn name={name} curve={whole.data} marks={marks} onPick={onPick} />;
}

function InWindow({ run, name, view, whole, marks, onPick }: Omit<Props, 'isLive'> & { whole: Curve }) {
  const steps = useMemo(() => (view.window ? stepsOf(whole, view.window) : null), [whole, view.window]);
  const full = useCurve(run, name, steps, view.x);
  // Beyond the window stands what is known of it, for whoever moves there.
  const curve = useMemo(
    () => (full.data && isMerged(whole) ? spliced(whole, full.data) : whole),
    [whole, full.data],
  );
  return <Drawn name={name} curve={curve} whole={whole} marks={marks} onPick={onPick} />;
}

function Drawn({
  name,
  curve,
  whole,
  marks,
  onPick,
}: {
  name: string;
  curve: Curve;
  whole?: Curve;
  marks: readonly ChartMark[];
  onPick?: (x: number) => void;
}) {
  const series = useMemo(() => [{ id: name, label: name, curve }], [name, curve]);
  const span = useMemo(() => (whole ? spanOf([{ curve: whole }]) : undefined), [whole]);
  return (
    <Chart
      title={name}
      series={series}
      marks={marks}
      onMark={(mark) => onPick?.(mark.x)}
      onPick={onPick}
      whole={span}
    />
  );
}
