/** A run is chosen by typing a part of its name: of any number of them, those that hold it are offered. */
import { useDeferredValue, useEffect, useId, useRef, useState } from 'react';
import { useRuns } from '~/shared/api/runs';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

interface Props {
  label: string;
  /** The chosen run; empty for none. */
  value: string;
  /** Called with the name of a run, or with an empty one while what is typed is none. */
  onChange: (run: string) => void;
  required?: boolean;
  error?: string;
}

const OFFERED = 50;

export function RunField({ label, value, onChange, required, error }: Props) {
  const said = useStrings(words);
  const list = useId();
  const field = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(value);
  // What stands there from before is kept, also where the run is gone, until somebody types another.
  const [isTyped, setTyped] = useState(false);
  const q = useDeferredValue(text);
  const found = useRuns({ q, archived: q !== '', limit: OFFERED });
  const known = found.data?.runs.map((run) => run.name) ?? [];
  const isRun = known.includes(text);
  const chosen = isRun ? text : '';
  useEffect(() => {
    if (isTyped && found.data && chosen !== value) onChange(chosen);
  });
  useEffect(() => {
    field.current?.querySelector('input')?.setCustomValidity(isTyped && text && !isRun ? said.noRun : '');
  });
  const { total = 0 } = found.data ?? {};
  const isPart = !isRun && total > known.length;
  const about = text && found.data && !total ? said.noRun : isPart ? said.offered(known.length, total) : '';
  return (
    <div ref={field}>
      <TextField
        label={label}
        list={list}
        required={required}
        autoComplete="off"
        spellCheck={false}
        placeholder={said.part}
        value={text}
        about={about}
        error={error}
        onChange={(event) => {
          setTyped(true);
          setText(event.target.value);
        }}
      />
      <datalist id={list}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}
