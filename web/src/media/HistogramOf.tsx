/** A histogram that was logged. */
import { real } from '~/shared/api/numbers';
import { Bars } from '~/shared/chart/Bars';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './media.module.css';
import type { PartProps } from './part';
import { words } from './strings';

export function HistogramOf({ entry }: PartProps) {
  const said = useStrings(words);
  const counts = listOf(entry.counts);
  const edges = listOf(entry.edges);
  const bins = counts.map((count, index) => ({
    from: edges[index] ?? NaN,
    to: edges[index + 1] ?? NaN,
    count,
  }));
  const ends = [figure(edges[0] ?? NaN), figure(edges.at(-1) ?? NaN)] as const;
  const about = said.bars(figure(counts.reduce((sum, count) => sum + count, 0)), ...ends);
  return (
    <div className={css.bars}>
      <Bars
        bins={bins}
        about={about}
        titleOf={(bin) => `${figure(bin.from)} – ${figure(bin.to)}: ${figure(bin.count)}`}
        ends={ends}
      />
      <p className={css.quiet}>{about}</p>
    </div>
  );
}

const listOf = (values: unknown): number[] => (Array.isArray(values) ? values.map(real) : []);
