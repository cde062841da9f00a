/** Views that were saved under a name. */
import { useState } from 'react';
import { Button, IconButton } from '~/shared/controls/Button';
import { Popover } from '~/shared/controls/Popover';
import { useStrings } from '~/shared/i18n/i18n';
import { parseSearch } from '~/shared/url/search';
import css from './runs.module.css';
import { words } from './strings';
import { type View, saveView, savedViews, viewOf } from './view';

export function Views({ view, onChange }: { view: View; onChange: (view: View) => void }) {
  const said = useStrings(words);
  return (
    <Popover label={said.viewsOf} icon="save" text={<span className={css.wideOnly}>{said.views}</span>}>
      <Saved view={view} onChange={onChange} />
    </Popover>
  );
}

function Saved({ view, onChange }: { view: View; onChange: (view: View) => void }) {
  const said = useStrings(words);
  const [saved, setSaved] = useState(savedViews);
  const [name, setName] = useState('');
  const keep = (called: string, kept: View | null) => {
    saveView(called, kept);
    setSaved(savedViews());
  };
  return (
    <div className={css.views}>
      <ul>
        {Object.entries(saved).map(([called, address]) => (
          <li key={called}>
            <button type="button" onClick={() => onChange(viewOf(parseSearch(address)))}>
              {called}
            </button>
            <IconButton icon="remove" label={said.removeView(called)} onClick={() => keep(called, null)} />
          </li>
        ))}
      </ul>
      {!Object.keys(saved).length && <p>{said.noViews}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) keep(name.trim(), view);
          setName('');
        }}
      >
        <input
          value={name}
          onChange={(event) => setName(event.target.value)}
          placeholder={said.viewName}
          aria-label={said.viewName}
        />
        <Button type="submit" disabled={!name.trim()}>
          {said.save}
        </Button>
      </form>
    </div>
  );
}
