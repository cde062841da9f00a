/** Which runs stand beside this one. */
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
  const known = useRuns({ limit: 1000 }).data?.runs ?? [];
  const rest = known.map((one) => one.name).filter((name) => name !== run && !others.includes(name));
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
      {others.length < MOST && rest.length > 0 && (
        <select
          aria-label={said.beside}
          value=""
          onChange={(event) => onChange([...others, event.target.value])}
        >
          <option value="" disabled>
            {said.beside}
          </option>
          {rest.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </div>
  );
}
