/** The screen as a page of its own: a head with language and theme, and nobody to ask. */
import { Button, IconButton } from '~/shared/controls/Button';
import { setLanguage, useLanguage, useStrings } from '~/shared/i18n/i18n';
import page from '~/shared/page/page.module.css';
import { PageHead } from '~/shared/page/PageHead';
import { setTheme, useTheme } from '~/shared/theme/theme';
import css from './plan.module.css';
import { Planner } from './Planner';
import { words } from './strings';

export function Standing() {
  const said = useStrings(words);
  const language = useLanguage();
  const theme = useTheme();
  return (
    <main className={css.standing}>
      <div className={page.page}>
        <PageHead title={said.title} about={said.about}>
          <span className={css.choices}>
            <Button
              lang={language === 'en' ? 'zh' : 'en'}
              onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
            >
              {said.otherLanguage}
            </Button>
            <IconButton
              icon={theme === 'dark' ? 'sun' : 'moon'}
              label={theme === 'dark' ? said.light : said.dark}
              onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
            />
          </span>
        </PageHead>
        <Planner />
        <p className={css.note}>{said.offline}</p>
      </div>
    </main>
  );
}
