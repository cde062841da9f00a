/** A small curve of the glance: its shape and its last value. */
import { useCurve } from '~/shared/api/run';
import { colorToken } from '~/shared/chart/colors';
import { type Curve, places } from '~/shared/chart/curve';
import { figure } from '~/shared/format/numbers';
import css from './run.module.css';

const [WIDTH, HEIGHT] = [180, 44];

export function Small({ run, name, color }: { run: string; name: string; color: number }) {
  const { data } = useCurve(run, name);
  const last = data?.mean.at(-1);
  return (
    <figure className={css.small}>
      <figcaption>
        <span title={name}>{name}</span>
        <b>{last === undefined ? '' : figure(last)}</b>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={name}>
        {data && <Drawn curve={data} color={colorToken(color)} />}
      </svg>
    </figure>
  );
}

/** The mean as a line over the area between lowest and highest. */
function Drawn({ curve, color }: { curve: Curve; color: string }) {
  const x = places(curve);
  const known = Array.from(x.keys()).filter((index) => Number.isFinite(curve.mean[index]));
  if (known.length < 2) return null;
  const at = (array: Float64Array, index: number) => array[index] ?? 0;
  const low = Math.min(...known.map((index) => at(curve.low, index)));
  const high = Math.max(...known.map((index) => at(curve.high, index)));
  const [begin, end] = [at(x, known[0] ?? 0), at(x, known.at(-1) ?? 0)];
  const place = (index: number, value: number) => {
    const left = ((at(x, index) - begin) / (end - begin || 1)) * WIDTH;
    const top = HEIGHT - 2 - ((value - low) / (high - low || 1)) * (HEIGHT - 4);
    return `${left.toFixed(1)} ${top.toFixed(1)}`;
  };
  const line = `M${known.map((index) => place(index, at(curve.mean, index))).join('L')}`;
  const above = known.map((index) => place(index, at(curve.high, index)));
  const below = known.map((index) => place(index, at(curve.low, index))).reverse();
  return (
    <>
      <path d={`M${[...above, ...below].join('L')}Z`} fill={color} opacity={0.18} />
      <path
        d={line}
        fill="none"
        stroke={color}
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
      />
    </>
  );
}
