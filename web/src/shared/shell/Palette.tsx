/** The command palette (Ctrl-K): runs, pages and actions by a few letters of their names. */
import * as Radix from '@radix-ui/react-dialog';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { features } from '~/features';
import { useRuns } from '~/shared/api/runs';
import { language, setLanguage, useStrings, useWords } from '~/shared/i18n/i18n';
import { Icon } from '~/shared/controls/icons';
import { setTheme, theme } from '~/shared/theme/theme';
import { matches } from './matching';
import css from './palette.module.css';
import { words } from './strings';

interface Choice {
  id: string;
  group: string;
  text: string;
  about?: string;
  run: () => void;
}

const MOST = 40;
// The server looks for no longer words.
const LONGEST = 200;

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      {open && <Content onClose={onClose} />}
    </Radix.Root>
  );
}

function Content({ onClose }: { onClose: () => void }) {
  const said = useStrings(words);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const choices = useChoices(text);
  const found = useMemo(() => {
    const [named, about] = [choices.filter((one) => matches(one.text, text)), new Set(choices)];
    for (const one of named) about.delete(one);
    const others = [...about].filter((one) => matches(`${one.text} ${one.about ?? ''}`, text));
    return [...named, ...others].slice(0, MOST);
  }, [choices, text]);
  const active = Math.min(at, found.length - 1);
  useEffect(() => {
    // Newer browsers answer with a promise, which is no way to end an effect.
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  const choose = (choice: Choice | undefined) => {
    if (!choice) return;
    onClose();
    choice.run();
  };
  const move = (by: number) => setAt((active + by + found.length) % Math.max(1, found.length));
  return (
    <Radix.Portal>
      <Radix.Overlay className={css.veil} />
      <Radix.Content className={css.palette} aria-describedby={undefined}>
        <Radix.Title className="hidden">{said.searchLong}</Radix.Title>
        <div className={css.field}>
          <Icon name="search" />
          <input
            autoFocus
            role="combobox"
            aria-expanded
            aria-controls="palette-list"
            aria-activedescendant={found[active] ? `palette-${active}` : undefined}
            placeholder={said.searchLong}
            aria-label={said.searchLong}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setAt(0);
            }}
            onKeyDown={(event) => {
              if (event.key === 'ArrowDown') move(1);
              else if (event.key === 'ArrowUp') move(-1);
              else if (event.key === 'Enter') choose(found[active]);
              else return;
              event.preventDefault();
            }}
          />
        </div>
        <ul id="palette-list" ref={list} role="listbox" aria-label={said.searchLong} className={css.list}>
          {found.map((one, index) => (
            <li
              key={one.id}
              id={`palette-${index}`}
              role="option"
              aria-selected={index === active}
              className={css.choice}
              onPointerMove={() => setAt(index)}
              onClick={() => choose(one)}
            >
              <span>{one.text}</span>
              <small>{one.about ?? one.group}</small>
            </li>
          ))}
          {!found.length && <li className={css.nothing}>{said.nothing}</li>}
        </ul>
      </Radix.Content>
    </Radix.Portal>
  );
}

function useChoices(typed: string): Choice[] {
  const said = useStrings(words);
  const word = useWords();
  const navigate = useNavigate();
  const runs = useRuns({ q: useDeferredValue(typed.slice(0, LONGEST)), limit: MOST }).data?.runs;
  return useMemo(() => {
    const pages = features
      .filter((one) => one.rail)
      .map((one) => ({
        id: `page-${one.id}`,
        group: said.pages,
        text: word(one.title),
        run: () => void navigate({ to: `/${one.path}` }),
      }));
    const actions = [
      {
        id: 'theme',
        group: said.actions,
        text: theme() === 'dark' ? said.light : said.dark,
        run: () => setTheme(theme() === 'dark' ? 'light' : 'dark'),
      },
      {
        id: 'language',
        group: said.actions,
        text: said.language,
        about: said.toLanguage,
        run: () => setLanguage(language() === 'en' ? 'zh' : 'en'),
      },
    ];
    const found = (runs ?? []).map((run) => ({
      id: `run-${run.name}`,
      group: said.runs,
      text: run.name,
      about: [run.project, ...run.tags].filter(Boolean).join(' · ') || said.runs,
      run: () => void navigate({ to: '/runs/$run/{-$tab}', params: { run: run.name } as never }),
    }));
    return [...pages, ...found, ...actions];
  }, [said, word, navigate, runs]);
}
