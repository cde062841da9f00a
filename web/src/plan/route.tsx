/** What fits: the memory of a model on a card, as sliders move. */
import { useStrings } from '~/shared/i18n/i18n';
import css from '~/shared/page/page.module.css';
import { PageHead } from '~/shared/page/PageHead';
import { Planner } from './Planner';
import { words } from './strings';

export default function Plan() {
  const said = useStrings(words);
  return (
    <div className={css.page}>
      <PageHead title={said.title} about={said.about} />
      <Planner />
    </div>
  );
}
