/** The tabs of a run: ours, and those that features bring. */
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { runTabs } from './tabs';
import { useStrings, useWords } from '~/shared/i18n/i18n';
import css from './run.module.css';
import { words } from './strings';

export function Tabs({ run, active }: { run: string; active: string }) {
  const said = useStrings(words);
  const word = useWords();
  const line = useRef<HTMLElement>(null);
  useEffect(() => {
    // Newer browsers answer with a promise, which is no way to end an effect.
    line.current?.querySelector('[data-active]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [active]);
  const all = [
    { id: 'charts', title: said.charts },
    { id: 'overview', title: said.overview },
    ...runTabs.map((tab) => ({ id: tab.id, title: word(tab.title) })),
  ];
  return (
    <nav ref={line} className={css.tabs} aria-label={said.tabs}>
      {all.map((tab) => (
        <Link
          key={tab.id}
          to="/runs/$run/{-$tab}"
          params={{ run, tab: tab.id === 'charts' ? undefined : tab.id } as never}
          activeOptions={{ exact: true }}
          aria-current={tab.id === active ? 'page' : undefined}
          data-active={tab.id === active || undefined}
        >
          {tab.title}
        </Link>
      ))}
    </nav>
  );
}
