/** Which runs stand beside this one. */
import { useDeferredValue, useEffect, useId, useState } from 'react';
import { useRuns } from '~/shared/api/runs';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import css from './media.module.css';
import { words } from './strings';

// So many stand side by side.
const MOST = 3;

interface Props {
  run: string;
  others: readonly string[];
  onChange: (others: string[]) => void;
}

export function Beside({ run, others, onChange }: Props) {
  const said = useStrings(words);
  return (
    <div className={css.others}>
      {others.map((name) => (
        <Button
          key={name}
          icon="close"
          title={said.without(name)}
          onClick={() => onChange(others.filter((one) => one !== name))}
        >
          {name}
        </Button>
      ))}
      {others.length < MOST && (
        <Another
          key={others.length}
          without={[run, ...others]}
          onChange={(name) => onChange([...others, name])}
        />
      )}
    </div>
  );
}

const OFFERED = 50;

/** A field in which a part of a name finds a run; it is taken as soon as it is whole. */
function Another({ without, onChange }: { without: readonly string[]; onChange: (name: string) => void }) {
  const said = useStrings(words);
  const list = useId();
  const [text, setText] = useState('');
  const found = useRuns({ q: useDeferredValue(text), limit: OFFERED });
  const known = (found.data?.runs ?? []).map((one) => one.name).filter((name) => !without.includes(name));
  const isWhole = known.includes(text);
  useEffect(() => {
    if (isWhole) onChange(text); // also where the list came after what was typed
  }, [isWhole, text, onChange]);
  return (
    <>
      <input
        list={list}
        autoComplete="off"
        aria-label={said.beside}
        placeholder={said.beside}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <datalist id={list}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
