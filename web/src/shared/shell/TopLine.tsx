/** The line at the top: where one is, search, whether the server answers, language, theme, keys. */
import { Link, useParams, useMatches } from '@tanstack/react-router';
import { features } from '~/features';
import { IconButton } from '~/shared/controls/Button';
import { Icon } from '~/shared/controls/icons';
import { useServerUp } from '~/shared/live/events';
import { useLanguage, setLanguage, useStrings, useWords } from '~/shared/i18n/i18n';
import { setTheme, useTheme } from '~/shared/theme/theme';
import css from './shell.module.css';
import { words } from './strings';

export function TopLine({ onSearch, onKeys }: { onSearch: () => void; onKeys: () => void }) {
  const said = useStrings(words);
  const language = useLanguage();
  const theme = useTheme();
  const isUp = useServerUp();
  return (
    <header className={css.top}>
      <Place />
      <span className={css.space} />
      <button
        type="button"
        className={css.search}
        onClick={onSearch}
        title={said.searchLong}
        aria-label={said.searchLong}
      >
        <Icon name="search" size={14} />
        <span>{said.search}</span>
        <kbd>Ctrl K</kbd>
      </button>
      <span
        className={isUp ? css.live : css.stale}
        title={isUp ? said.liveLong : said.staleLong}
        role="status"
      >
        {isUp ? said.live : said.stale}
      </span>
      <button
        type="button"
        className={css.language}
        title={said.toLanguage}
        onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
        lang={language === 'en' ? 'zh' : 'en'}
      >
        {said.language}
      </button>
      <IconButton
        icon={theme === 'dark' ? 'sun' : 'moon'}
        label={theme === 'dark' ? said.light : said.dark}
        onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
      />
      <IconButton icon="help" label={said.keys} onClick={onKeys} />
    </header>
  );
}

/** Where one is: the page, and which one of its things. */
function Place() {
  const word = useWords();
  const named = Object.values(useParams({ strict: false }) as Record<string, string | undefined>);
  const id = useMatches().at(-1)?.staticData.feature;
  const feature = features.find((one) => one.id === id);
  const home = features.find((one) => one.id === feature?.home);
  const [name] = home ? named : [];
  return (
    <nav className={css.place} aria-label={feature ? word(feature.title) : 'whet'}>
      {home && (
        <>
          <Link to={`/${home.path}`}>{word(home.title)}</Link>
          <span aria-hidden>/</span>
        </>
      )}
      <b title={name}>{name ?? (feature ? word(feature.title) : '')}</b>
    </nav>
  );
}
