/** How much curves are smoothed: none to nearly all, the raw line staying behind. */
import { useStrings } from '~/shared/i18n/i18n';
import css from './chart.module.css';
import { words } from './strings';

export function Smoothing({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const said = useStrings(words);
  return (
    <label className={css.smoothing}>
      {said.smoothing}
      <input
        type="range"
        min={0}
        max={0.99}
        step={0.01}
        value={value}
        onChange={(event) => onChange(Number(event.target.value))}
      />
      <output>{value.toFixed(2)}</output>
    </label>
  );
}
