/** Which columns a table shows, and in which order. */
import { useState } from 'react';
import { IconButton } from '~/shared/controls/Button';
import { Popover } from '~/shared/controls/Popover';
import { useStrings } from '~/shared/i18n/i18n';
import css from './chooser.module.css';
import { words } from './strings';

interface Props {
  /** Those that are shown, in order. */
  chosen: readonly string[];
  /** All that there are. */
  names: readonly string[];
  nameOf: (id: string) => string;
  onChange: (chosen: string[]) => void;
}

const MOST = 200;

export function ColumnChooser({ chosen, names, nameOf, onChange }: Props) {
  const said = useStrings(words);
  const [typed, setTyped] = useState('');
  const fits = (id: string) => `${id} ${nameOf(id)}`.toLowerCase().includes(typed.toLowerCase());
  const others = names.filter((id) => !chosen.includes(id) && fits(id)).slice(0, MOST);
  const shown = chosen.filter(fits);
  const raised = (id: string) => {
    const place = chosen.indexOf(id);
    const next = [...chosen];
    next.splice(place, 1);
    next.splice(Math.max(0, place - 1), 0, id);
    onChange(next);
  };
  return (
    <Popover label={said.columnsOf} icon="columns" text={<span className={css.text}>{said.columns}</span>}>
      <input
        className={css.find}
        placeholder={said.findColumn}
        aria-label={said.findColumn}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <ul className={css.list}>
        {shown.map((id, index) => (
          <li key={id}>
            <Tick
              id={id}
              name={nameOf(id)}
              on
              onChange={() => onChange(chosen.filter((one) => one !== id))}
            />
            {index > 0 && (
              <IconButton icon="ascending" label={said.up(nameOf(id))} onClick={() => raised(id)} />
            )}
          </li>
        ))}
        {others.map((id) => (
          <li key={id}>
            <Tick id={id} name={nameOf(id)} on={false} onChange={() => onChange([...chosen, id])} />
          </li>
        ))}
      </ul>
    </Popover>
  );
}

function Tick({ id, name, on, onChange }: { id: string; name: string; on: boolean; onChange: () => void }) {
  return (
    <label className={css.tick} title={id}>
      <input type="checkbox" checked={on} onChange={onChange} />
      <span>{name}</span>
    </label>
  );
}
