/** The filter: typed in the tracker's language, completed as one types, with what is wrong with it below. */
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { hintOf, messageOf } from '~/shared/api/failure';
import { IconButton } from '~/shared/controls/Button';
import { Icon } from '~/shared/controls/icons';
import { Coded } from '~/shared/format/Coded';
import { useStrings } from '~/shared/i18n/i18n';
import { type Values, offers } from './completion';
import css from './filter.module.css';
import { words } from './strings';

interface Props {
  value: string;
  onChange: (value: string) => void;
  names: readonly string[];
  values?: Values;
  /** What the server says of it. */
  error?: unknown;
  /** What could be typed. */
  example?: string;
}

const PAUSE_MS = 400;
const NONE: Values = {};

export function FilterInput({ value, onChange, names, values = NONE, error, example }: Props) {
  const said = useStrings(words);
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState<number | null>(null);
  const [at, setAt] = useState(-1);
  // Tab completes what is being typed; who only goes past changes nothing.
  const [isTyped, setTyped] = useState(false);
  const told = useRef(value);
  // The address changed under us (back, a link): show what it says.
  useEffect(() => {
    if (value !== told.current) setText((told.current = value));
  }, [value]);
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => onChange((told.current = text)), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  const { from, found } = caret === null ? { from: 0, found: [] } : offers(text, caret, names, values);
  const isOpen = found.length > 0;
  const commit = () => {
    setCaret(null);
    if (text !== told.current) onChange((told.current = text));
  };
  const take = (offer: string) => {
    const next = `${text.slice(0, from)}${offer} ${text.slice(caret ?? text.length).trimStart()}`;
    setText(next);
    setAt(-1);
    const place = from + offer.length + 1;
    setCaret(place);
    requestAnimationFrame(() => field.current?.setSelectionRange(place, place));
  };
  const key = (event: KeyboardEvent) => {
    const chosen = found[at];
    if (event.key === 'ArrowDown' && isOpen) setAt((at + 1) % found.length);
    else if (event.key === 'ArrowUp' && isOpen) setAt((at - 1 + found.length) % found.length);
    else if ((event.key === 'Enter' || event.key === 'Tab') && isOpen && chosen) take(chosen.text);
    else if (event.key === 'Tab' && isTyped && found[0] && from < (caret ?? 0)) take(found[0].text);
    else if (event.key === 'Enter') commit();
    else if (event.key === 'Escape') {
      if (isOpen) setCaret(null);
      else field.current?.blur();
    } else return;
    event.preventDefault();
  };
  const wrong = error instanceof ApiError && error.status === 400 ? error : null;
  return (
    <div className={css.filter} role="search">
      <div className={css.field} data-wrong={wrong ? true : undefined}>
        <Icon name="search" size={14} />
        <input
          ref={field}
          id="filter"
          role="combobox"
          aria-label={said.filter}
          aria-expanded={isOpen}
          aria-controls={`${id}-list`}
          aria-activedescendant={found[at] ? `${id}-${at}` : undefined}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={wrong ? `${id}-wrong` : undefined}
          placeholder={example ?? said.filterHint}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setTyped(true);
            setCaret(event.target.selectionStart);
            setAt(-1);
          }}
          onFocus={(event) => {
            setTyped(false);
            setCaret(event.target.selectionStart);
          }}
          onClick={(event) => setCaret(event.currentTarget.selectionStart)}
          onBlur={commit}
          onKeyDown={key}
        />
        {text && (
          <IconButton
            icon="close"
            label={said.clear}
            onClick={() => {
              setText('');
              onChange((told.current = ''));
            }}
          />
        )}
      </div>
      {isOpen && (
        <ul id={`${id}-list`} role="listbox" aria-label={said.offers} className={css.offers}>
          {found.map((one, index) => (
            <li
              key={one.text}
              id={`${id}-${index}`}
              role="option"
              className={css.offer}
              aria-selected={index === at}
              onPointerDown={(event) => {
                event.preventDefault();
                take(one.text);
              }}
            >
              <code>{one.text}</code>
            </li>
          ))}
        </ul>
      )}
      {wrong && (
        <p id={`${id}-wrong`} className={css.wrong} role="alert">
          <b>
            <Coded>{messageOf(wrong)}</Coded>
          </b>
          {wrong.hint && (
            <span>
              {' '}
              · <Coded>{hintOf(wrong)}</Coded>
            </span>
          )}
        </p>
      )}
    </div>
  );
}
