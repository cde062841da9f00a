/** The line above a console: what is looked for and where it was found, whose lines, and from which step on. */
import type { ReactNode, RefObject } from 'react';
import { Button, IconButton } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import css from './console.module.css';
import type { Stream } from './queries';
import { words } from './strings';
import type { ConsoleView } from './view';

interface Props {
  field: RefObject<HTMLInputElement | null>;
  view: ConsoleView;
  ranks: readonly number[];
  /** Where one stands among what was found, such as `3 / 57`; empty where nothing is looked for. */
  place: string;
  onChange: (change: Partial<ConsoleView>) => void;
  onMatch: (by: 1 | -1) => void;
  /** How much there is. */
  children: ReactNode;
}

export function Bar({ field, view, ranks, place, onChange, onMatch, children }: Props) {
  const said = useStrings(words);
  return (
    <div className={css.bar} role="search">
      <span className={css.find}>
        <input
          ref={field}
          type="search"
          value={view.find}
          placeholder={said.find}
          aria-label={said.find}
          onChange={(event) => onChange({ find: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && view.find) onMatch(event.shiftKey ? -1 : 1);
            else if (event.key === 'Escape') field.current?.blur();
            else return;
            event.preventDefault();
          }}
        />
        {view.find && (
          <>
            <output className={css.place}>{place}</output>
            <IconButton icon="ascending" label={said.previous} onClick={() => onMatch(-1)} />
            <IconButton icon="descending" label={said.next} onClick={() => onMatch(1)} />
            <Button pressed={view.isOnly} onClick={() => onChange({ isOnly: !view.isOnly })}>
              {said.only}
            </Button>
          </>
        )}
      </span>
      {ranks.length > 1 && (
        <label className={css.pick}>
          {said.rank}
          <select
            value={view.rank}
            onChange={(event) => onChange({ rank: Number(event.target.value), line: undefined })}
          >
            {ranks.map((rank) => (
              <option key={rank}>{rank}</option>
            ))}
          </select>
        </label>
      )}
      <label className={css.pick}>
        {said.stream}
        <select
          value={view.stream ?? ''}
          onChange={(event) => onChange({ stream: (event.target.value || undefined) as Stream | undefined })}
        >
          <option value="">{said.both}</option>
          <option>stdout</option>
          <option>stderr</option>
        </select>
      </label>
      <label className={css.pick}>
        {said.step}
        <input
          className={css.number}
          type="number"
          min={0}
          value={view.step ?? ''}
          onChange={(event) =>
            onChange({
              step: event.target.value ? Number(event.target.value) : undefined,
              line: undefined,
              isOnly: false,
              stream: undefined,
            })
          }
        />
      </label>
      <span className={css.about}>{children}</span>
    </div>
  );
}
