/** A whole number that is typed. What is none stays in the field, says its bounds, and changes nothing. */
import { useState } from 'react';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

interface Props {
  label: string;
  value: number;
  bounds: readonly [number, number];
  onChange: (value: number) => void;
}

export function NumberField({ label, value, bounds: [least, most], onChange }: Props) {
  const said = useStrings(words);
  const [typed, setTyped] = useState<string | null>(null);
  const isWrong = typed !== null && !isWithin(typed);
  function isWithin(text: string): boolean {
    const number = Number(text);
    return text.trim() !== '' && Number.isInteger(number) && number >= least && number <= most;
  }
  return (
    <TextField
      label={label}
      inputMode="numeric"
      autoComplete="off"
      value={typed ?? String(value)}
      error={isWrong ? said.wholeFrom(least, most.toLocaleString('en')) : undefined}
      onChange={(event) => {
        const text = event.target.value;
        setTyped(text);
        if (isWithin(text)) onChange(Number(text));
      }}
      onBlur={() => setTyped(null)}
    />
  );
}
