/** A name to type or to choose: a list opens below the field, with those that have the words that were typed. */
import { useId, useState } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import css from './find.module.css';
import { having, meant, type Named, nearest } from './found';
import { words } from './strings';

export interface Option extends Named {
  /** Under which it stands. */
  group: string;
  /** One fact beside it. */
  fact: string;
}

interface Props {
  label: string;
  value: string;
  options: readonly Option[];
  onChoose: (name: string) => void;
}

export function Find({ label, value, options, onChoose }: Props) {
  const said = useStrings(words);
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const isOpen = typed !== null;
  const fitting = having(options, typed ?? '');
  const isUnknown = isOpen && fitting.length === 0;
  const offered = isUnknown ? nearest(options, typed) : fitting;
  const open = () => {
    setTyped('');
    setAt(
      Math.max(
        0,
        options.findIndex((one) => one.name === value),
      ),
    );
  };
  const choose = (one: Option | undefined) => {
    setTyped(null);
    if (one) onChoose(one.name);
  };
  const onKey = (key: string): boolean => {
    if (key === 'Escape' || key === 'Tab') setTyped(null);
    else if (!isOpen && (key === 'ArrowDown' || key === 'Enter')) open();
    else if (key === 'ArrowDown' || key === 'ArrowUp')
      setAt((at + (key === 'ArrowDown' ? 1 : -1) + offered.length) % Math.max(1, offered.length));
    else if (key === 'Enter') choose(meant(options, typed ?? '') ?? offered[at]);
    else return false;
    return key !== 'Tab';
  };
  return (
    <div className={css.find}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        role="combobox"
        aria-expanded={isOpen}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={isOpen && offered.length ? `${id}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={typed ?? value}
        placeholder={value}
        onFocus={open}
        onClick={() => !isOpen && open()}
        onBlur={() => setTyped(null)}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => onKey(event.key) && event.preventDefault()}
      />
      {isOpen && (
        <div className={css.list} id={`${id}-list`} role="listbox" aria-label={label}>
          {isUnknown && (
            <p className={css.unknown} role="status">
              {said.unknown(typed)}
            </p>
          )}
          {offered.map((one, index) => (
            <div key={one.name} role="presentation">
              {!isUnknown && one.group !== offered[index - 1]?.group && (
                <p className={css.group}>{one.group}</p>
              )}
              <div
                id={`${id}-${index}`}
                role="option"
                className={css.offer}
                aria-selected={index === at}
                ref={(place) => {
                  if (index === at) place?.scrollIntoView({ block: 'nearest' });
                }}
                // The field would lose the focus, and the list be closed, before it is a click.
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => choose(one)}
              >
                <span>{one.name}</span>
                <small>{one.fact}</small>
              </div>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
