/** Charts: one curve, several, buckets with a spike, a logarithmic axis with values below zero, and more than colours. */
import { useEffect, useMemo, useState } from 'react';
import { Chart } from '~/shared/chart/Chart';
import { appended, curveOfPoints } from '~/shared/chart/curve';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import { Smoothing } from '~/shared/chart/Smoothing';
import { tell } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import css from './kitchen.module.css';
import { falling, merged, several } from './made';
import { words } from './strings';

const MARKS = [
  { kind: 'checkpoint', x: 1500, text: 'checkpoint step-00001500' },
  { kind: 'evaluation', x: 3000, text: 'evaluation: accuracy 0.71' },
  { kind: 'notice', x: 3010, text: 'notice: the loss jumped' },
  { kind: 'resume', x: 4500, text: 'attempt 2 began' },
];

export function Charts() {
  const said = useStrings(words);
  const [window, setWindow] = useState<Window | null>(null);
  const [smoothing, setSmoothing] = useState(0.6);
  const one = useMemo(() => [{ id: 'loss', label: 'loss', curve: falling(0) }], []);
  const two = useMemo(() => several(3), []);
  const spike = useMemo(() => [{ id: 'spike', label: 'loss', curve: merged(), color: 1 }], []);
  const signed = useMemo(() => [{ id: 'signed', label: 'reward', curve: falling(3, 40, -20), color: 2 }], []);
  const many = useMemo(() => several(12), []);
  return (
    <section className={css.part}>
      <div className={css.partHead}>
        <h2>{said.charts}</h2>
        <p>{said.chartsAbout}</p>
        <Smoothing value={smoothing} onChange={setSmoothing} />
      </div>
      <ChartGroup name="kitchen" window={window} onWindow={setWindow} smoothing={smoothing}>
        <div className={css.charts}>
          <Chart title="loss" series={one} marks={MARKS} onMark={(mark) => tell(mark.text)} />
          <Chart title="loss of three" series={two} />
          <Chart title="buckets with a spike" series={spike} />
          <Chart title="above and below zero" series={signed} />
          <Chart title="more than colours" series={many} />
          <Growing />
        </div>
      </ChartGroup>
    </section>
  );
}

/** A curve that grows four times a second. */
function Growing() {
  const [curve, setCurve] = useState(() => curveOfPoints([0], [2]));
  useEffect(() => {
    const timer = setInterval(() => {
      setCurve((before) => {
        const at = (before.last.at(-1) ?? 0) + 20;
        return at > 6000
          ? before
          : appended(before, [at], [2 * Math.exp(-at / 2000) + 0.1 * Math.sin(at / 90)]);
      });
    }, 250);
    return () => clearInterval(timer);
  }, []);
  const series = useMemo(() => [{ id: 'live', label: 'loss', curve, color: 7 }], [curve]);
  return <Chart title="live" series={series} />;
}
