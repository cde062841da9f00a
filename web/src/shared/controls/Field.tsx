/** Fields of forms: a label, what is typed or chosen, and what is wrong with it. */
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from 'react';
import css from './field.module.css';

interface About {
  label: string;
  /** One line below. */
  about?: ReactNode;
  error?: string;
}

export function TextField({ label, about, error, ...rest }: About & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} about={about} error={error}>
      <input
        id={id}
        className={css.input}
        aria-invalid={!!error}
        aria-describedby={`${id}-about`}
        {...rest}
      />
    </Labelled>
  );
}

export function SelectField({
  label,
  about,
  error,
  children,
  ...rest
}: About & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} about={about} error={error}>
      <select id={id} className={css.input} aria-invalid={!!error} aria-describedby={`${id}-about`} {...rest}>
        {children}
      </select>
    </Labelled>
  );
}

interface Slid extends About {
  /** What there is to choose from, in order: evenly apart, in powers, or as it comes. */
  values: readonly number[];
  value: number;
  onChange: (value: number) => void;
  /** A value with its unit. */
  shown: (value: number) => string;
}

/** A slider over listed values; the nearest of them stands. */
export function SliderField({ label, about, error, values, value, onChange, shown }: Slid) {
  const id = useId();
  const far = values.map((one) => Math.abs(one - value));
  return (
    <Labelled id={id} label={label} about={about} error={error}>
      <div className={css.slider}>
        <input
          id={id}
          type="range"
          min={0}
          max={values.length - 1}
          value={far.indexOf(Math.min(...far))}
          aria-valuetext={shown(value)}
          aria-describedby={`${id}-about`}
          onChange={(event) => onChange(values[Number(event.target.value)] ?? value)}
        />
        <output htmlFor={id}>{shown(value)}</output>
      </div>
    </Labelled>
  );
}

export function CheckField({ label, about, ...rest }: About & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={css.check}>
      <input id={id} type="checkbox" aria-describedby={`${id}-about`} {...rest} />
      <label htmlFor={id}>{label}</label>
      <p id={`${id}-about`} className={css.about}>
        {about}
      </p>
    </div>
  );
}

function Labelled({ id, label, about, error, children }: About & { id: string; children: ReactNode }) {
  return (
    <div className={css.field}>
      <label htmlFor={id}>{label}</label>
      {children}
      <p id={`${id}-about`} className={error ? css.error : css.about}>
        {error || about}
      </p>
    </div>
  );
}
