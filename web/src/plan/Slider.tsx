/** A number that a slider sets in steps of equal ratio, and a field sets exactly. */
import { useId } from 'react';
import css from './plan.module.css';

interface Props {
  label: string;
  value: number;
  /** The steps of the slider, rising. */
  steps: readonly number[];
  onChange: (value: number) => void;
}

export function Slider({ label, value, steps, onChange }: Props) {
  const id = useId();
  const [least, most] = [steps[0] ?? 1, steps.at(-1) ?? 1];
  const at = steps.findIndex((step) => step >= value);
  return (
    <div className={css.slider}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={least}
        max={most}
        step={1}
        value={value}
        onChange={(event) => {
          const typed = event.target.valueAsNumber;
          if (Number.isInteger(typed) && typed >= 1 && typed <= most) onChange(typed);
        }}
      />
      <input
        type="range"
        aria-label={label}
        aria-valuetext={String(value)}
        min={0}
        max={steps.length - 1}
        step={1}
        value={at < 0 ? steps.length - 1 : at}
        onChange={(event) => onChange(steps[event.target.valueAsNumber] ?? value)}
      />
    </div>
  );
}

/** Powers of two and what lies midway between them, from a number to another. */
export function stepsOf(least: number, most: number): number[] {
  const found: number[] = [];
  for (let step = least; step < most; step *= 2) {
    found.push(step);
    const midway = (step * 3) / 2;
    if (Number.isInteger(midway) && midway < most && step > 1) found.push(midway);
  }
  return [...found, most];
}
