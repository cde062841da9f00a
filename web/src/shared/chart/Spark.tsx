/** A curve of a few values as a line in a row of a table: its shape, without numbers. */
import { real } from '~/shared/api/numbers';
import css from './chart.module.css';

interface Props {
  values: readonly unknown[] | null | undefined;
  width?: number;
  height?: number;
  label: string;
}

export function Spark({ values, width = 96, height = 20, label }: Props) {
  const known = (values ?? []).map(real);
  const finite = known.filter(Number.isFinite);
  if (finite.length < 2) return <span className={css.noSpark}>—</span>;
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const x = (index: number) => 1 + (index / (known.length - 1)) * (width - 2);
  const y = (value: number) => height - 2 - ((value - low) / (high - low || 1)) * (height - 4);
  let isDown = false;
  const path = known.map((value, index) => {
    const is = Number.isFinite(value);
    const part = is ? `${isDown ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}` : '';
    isDown = is;
    return part;
  });
  return (
    <svg className={css.spark} width={width} height={height} role="img" aria-label={label}>
      <path
        d={path.join('')}
        fill="none"
        stroke="var(--accent-text)"
        strokeWidth={1.25}
        strokeLinejoin="round"
      />
    </svg>
  );
}
