/** Where the time of a step goes: its parts as curves in one chart, and the share of each. */
import { useMemo } from 'react';
import { useCurve } from '~/shared/api/run';
import { Chart } from '~/shared/chart/Chart';
import type { Curve } from '~/shared/chart/curve';
import { Shares } from '~/shared/chart/Shares';
import { duration } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Loading } from '~/shared/states/States';
import { words } from './strings';

const PARTS = [
  'forward_s',
  'backward_s',
  'update_s',
  'data_s',
  'communication_s',
  'checkpoint_s',
  'record_s',
] as const;

export function Times({ run, names }: { run: string; names: readonly string[] }) {
  const said = useStrings(words);
  return (
    <section>
      <h2>{said.times}</h2>
      {names.includes('forward_s') ? (
        <>
          <p>{said.timesAbout}</p>
          <Drawn run={run} />
        </>
      ) : (
        <p>{said.noTimes}</p>
      )}
    </section>
  );
}

function Drawn({ run }: { run: string }) {
  const said = useStrings(words);
  const curves = [
    useCurve(run, PARTS[0]).data,
    useCurve(run, PARTS[1]).data,
    useCurve(run, PARTS[2]).data,
    useCurve(run, PARTS[3]).data,
    useCurve(run, PARTS[4]).data,
    useCurve(run, PARTS[5]).data,
    useCurve(run, PARTS[6]).data,
  ];
  const [a, b, c, d, e, f, g] = curves;
  const series = useMemo(
    () =>
      [a, b, c, d, e, f, g].flatMap((curve, color) => {
        const name = PARTS[color] ?? '';
        return curve ? [{ id: name, label: name, curve, color }] : [];
      }),
    [a, b, c, d, e, f, g],
  );
  if (!series.length) return <Loading rows={6} />;
  const means = series.map((one) => ({ ...one, mean: meanOf(one.curve) }));
  return (
    <>
      <Shares
        about={said.times}
        shown={duration}
        shares={means.map(({ id, label, mean, color }) => ({ id, label, value: mean, color }))}
      />
      <Chart title={said.seconds} series={series} height={200} />
    </>
  );
}

/** The mean over all buckets of a curve that are numbers. */
function meanOf(curve: Curve): number {
  const known = curve.mean.filter(Number.isFinite);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : 0;
}
