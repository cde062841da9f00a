/** How long samples are: bars, with the line that the model cannot see behind. */
import { Bars } from '~/shared/chart/Bars';
import { figure, percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './data.module.css';
import { binned, median } from './parts';
import type { DataPage } from './queries';
import { words } from './strings';

export function Histogram({ page }: { page: DataPage }) {
  const said = useStrings(words);
  const bins = binned(page.lengths);
  if (!bins.length) return null;
  const [low, high] = [bins[0]?.from ?? 0, (bins.at(-1)?.to ?? 1) - 1];
  const longest = page.lengths.reduce((most, length) => Math.max(most, length), 0);
  const all = sum(page.lengths);
  const about = said.lengthsAbout(
    figure(page.lengths.length),
    figure(median(page.lengths)),
    figure(longest),
    percent(all ? sum(page.trained) / all : NaN),
  );
  const context = page.context;
  return (
    <section>
      <h2>{said.lengths}</h2>
      <p>
        {about}
        {context !== null && (longest <= context ? said.fit(figure(context)) : said.tooLong(figure(context)))}
      </p>
      <div className={css.lengths}>
        <Bars
          bins={bins}
          about={about}
          titleOf={(bin) => said.bin(figure(bin.from), figure(bin.to - 1), figure(bin.count))}
          ends={[figure(low), figure(high)]}
          limit={context === null ? undefined : { at: context, text: said.context(figure(context)) }}
        />
      </div>
    </section>
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
