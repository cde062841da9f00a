/** The line above a console: what is looked for and where it was found, whose lines, and from which step on. */
import type { ReactNode, RefObject } from 'react';
import { Button, IconButton } from '~/shared/controls/Button';
import { Find, Pick, PickNumber } from '~/shared/controls/Inline';
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
        <Find
          field={field}
          label={said.find}
          value={view.find}
          onChange={(find) => onChange({ find })}
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
        <Pick
          label={said.rank}
          value={view.rank}
          options={ranks}
          onChange={(rank) => onChange({ rank, line: undefined })}
        />
      )}
      <Pick
        label={said.stream}
        value={view.stream ?? ''}
        options={['', 'stdout', 'stderr'] satisfies ('' | Stream)[]}
        shown={(one) => one || said.both}
        onChange={(stream) => onChange({ stream: stream || undefined })}
      />
      <PickNumber
        label={said.step}
        value={view.step}
        onChange={(step) => onChange({ step, line: undefined, isOnly: false, stream: undefined })}
      />
      <span className={css.about}>{children}</span>
    </div>
  );
}
