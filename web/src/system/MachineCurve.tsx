/** One curve of the machine, asked for once it is near what is seen. */
import { useMemo, useRef } from 'react';
import { useCurve } from '~/shared/api/run';
import { Chart } from '~/shared/chart/Chart';
import { useNear } from '~/shared/chart/useNear';
import css from './system.module.css';

interface Props {
  run: string;
  name: string;
  writer: string;
}

export function MachineCurve(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const isNear = useNear(place);
  return (
    <div ref={place} className={css.place}>
      {isNear && <Loaded {...props} />}
    </div>
  );
}

function Loaded({ run, name, writer }: Props) {
  const curve = useCurve(run, name, null, 'step', writer).data;
  const series = useMemo(() => (curve ? [{ id: name, label: name, curve }] : []), [curve, name]);
  return curve ? <Chart title={name} series={series} height={140} /> : null;
}
