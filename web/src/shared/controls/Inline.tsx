/** Controls of one line, for the bar above a view: what is looked for, one of several, a number, the step before and after. */
import type { KeyboardEvent, RefObject } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import { IconButton } from './Button';
import css from './inline.module.css';
import { words } from './strings';

interface Found {
  /** What is looked through; said where nothing is typed yet. */
  label: string;
  value: string;
  onChange: (value: string) => void;
  onKeyDown?: (event: KeyboardEvent<HTMLInputElement>) => void;
  field?: RefObject<HTMLInputElement | null>;
}

export function Find({ label, value, onChange, onKeyDown, field }: Found) {
  return (
    <input
      ref={field}
      className={css.find}
      type="search"
      value={value}
      placeholder={label}
      aria-label={label}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={onKeyDown}
    />
  );
}

interface Picked<T extends string | number> {
  label: string;
  title?: string;
  value: T;
  options: readonly T[];
  onChange: (value: T) => void;
  /** What stands for an option; itself unless given. */
  shown?: (option: T) => string;
}

export function Pick<T extends string | number>({
  label,
  title,
  value,
  options,
  onChange,
  shown = String,
}: Picked<T>) {
  return (
    <label className={css.named} title={title}>
      {label}
      <select
        value={value}
        onChange={(event) => {
          const picked = options[event.target.selectedIndex];
          if (picked !== undefined) onChange(picked);
        }}
      >
        {options.map((one) => (
          <option key={one} value={one}>
            {shown(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Counted {
  label: string;
  /** A whole number from nought on, or none. */
  value: number | undefined;
  onChange: (value: number | undefined) => void;
}

export function PickNumber({ label, value, onChange }: Counted) {
  return (
    <label className={css.named}>
      {label}
      <input
        type="number"
        min={0}
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value ? Number(event.target.value) : undefined)}
      />
    </label>
  );
}

interface Stepped {
  /** Which of `count` stands. */
  index: number;
  count: number;
  onGo: (index: number) => void;
}

export function StepButtons({ index, count, onGo }: Stepped) {
  const said = useStrings(words);
  return (
    <>
      <IconButton icon="left" label={said.before} disabled={index <= 0} onClick={() => onGo(index - 1)} />
      <IconButton
        icon="right"
        label={said.after}
        disabled={index >= count - 1}
        onClick={() => onGo(index + 1)}
      />
    </>
  );
}
