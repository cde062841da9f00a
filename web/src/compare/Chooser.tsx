/** The list of runs to choose from, with the colours that the chosen ones have. */
import { useDeferredValue, useState } from 'react';
import { useRuns } from '~/shared/api/runs';
import { colorToken } from '~/shared/chart/colors';
import { Button } from '~/shared/controls/Button';
import { Find } from '~/shared/controls/Inline';
import { tell } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import { Loading } from '~/shared/states/States';
import { StatusBadge } from '~/shared/status/StatusBadge';
import css from './compare.module.css';
import { MOST_RUNS } from './queries';
import { words } from './strings';

interface Props {
  runs: readonly string[];
  /** The colour of each run that is chosen. */
  colors: ReadonlyMap<string, number>;
  onChange: (runs: string[]) => void;
}

// So many are listed; typing finds the others.
const SHOWN = 200;

export function Chooser({ runs, colors, onChange }: Props) {
  const said = useStrings(words);
  const [find, setFind] = useState('');
  const found = useRuns({ q: useDeferredValue(find), limit: SHOWN });
  const rows = found.data?.runs ?? [];
  const total = found.data?.total ?? 0;
  const toggle = (name: string) => {
    if (runs.includes(name)) onChange(runs.filter((one) => one !== name));
    else if (runs.length < MOST_RUNS) onChange([...runs, name]);
    else tell(said.most(MOST_RUNS));
  };
  return (
    <div className={css.chooser}>
      <Find label={said.find} value={find} onChange={setFind} />
      <p className={css.chosen}>
        {said.chosen(runs.length)}
        {runs.length > 0 && (
          <Button kind="bare" onClick={() => onChange([])}>
            {said.clear}
          </Button>
        )}
      </p>
      {found.isPending && <Loading rows={8} />}
      <ul className={css.list} aria-label={said.runs}>
        {rows.map((run) => {
          const color = colors.get(run.name);
          return (
            <li key={run.name}>
              <label className={css.run}>
                <input type="checkbox" checked={color !== undefined} onChange={() => toggle(run.name)} />
                <span
                  className={css.swatch}
                  style={color === undefined ? undefined : { background: colorToken(color) }}
                  aria-hidden
                />
                <span className={css.name} title={run.name}>
                  {run.name}
                </span>
                <StatusBadge status={run.status} reason={run.reason} />
              </label>
            </li>
          );
        })}
      </ul>
      {total > rows.length && <p className={css.chosen}>{said.part(rows.length, total)}</p>}
    </div>
  );
}
