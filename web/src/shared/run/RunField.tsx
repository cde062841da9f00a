/** A run is chosen by typing a part of its name: of any number of them, those that hold it are offered. */
import { useDeferredValue, useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import { useRuns } from '~/shared/api/runs';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

interface Props {
  label: string;
  /** The run that stands there at first. */
  value: string;
  /** Called with what is typed, and whether it is known to be a run: the server may not have answered yet. */
  onChange: (run: string, isKnown: boolean) => void;
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
  // What was asked last may be an answer to fewer letters.
  const isNone = text !== '' && q === text && !found.isFetching && !isRun;
  const tell = useEffectEvent(() => {
    if (isTyped) onChange(text, isRun);
  });
  useEffect(() => tell(), [text, isRun]);
  useEffect(() => {
    field.current?.querySelector('input')?.setCustomValidity(isTyped && isNone ? said.noRun : '');
  });
  const { total = 0 } = found.data ?? {};
  const isPart = !isRun && total > known.length;
  const about = isNone ? said.noRun : isPart ? said.offered(known.length, total) : '';
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
