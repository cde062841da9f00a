/** A histogram that was logged, as bars. */
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './media.module.css';
import type { PartProps } from './Shown';
import { words } from './strings';

const [WIDTH, HEIGHT] = [320, 96];

export function Bars({ entry }: PartProps) {
  const said = useStrings(words);
  const counts = listOf(entry.counts);
  const edges = listOf(entry.edges);
  const most = Math.max(1, ...counts);
  const wide = WIDTH / Math.max(1, counts.length);
  const about = said.bars(
    figure(counts.reduce((sum, count) => sum + count, 0)),
    figure(edges[0] ?? NaN),
    figure(edges.at(-1) ?? NaN),
  );
  return (
    <>
      <svg className={css.bars} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={about}>
        {counts.map((count, index) => {
          const high = (count / most) * HEIGHT;
          const [from, to] = [edges[index] ?? NaN, edges[index + 1] ?? NaN];
          return (
            <rect key={index} x={index * wide} y={HEIGHT - high} width={wide * 0.9} height={high}>
              <title>{`${figure(from)} – ${figure(to)}: ${figure(count)}`}</title>
            </rect>
          );
        })}
      </svg>
      <p className={css.quiet}>{about}</p>
    </>
  );
}

const listOf = (values: unknown): number[] => (Array.isArray(values) ? values.map(real) : []);
