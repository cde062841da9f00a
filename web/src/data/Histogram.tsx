/** How long samples are: bars, with the line that the model cannot see behind. */
import { figure, percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './data.module.css';
import { binned, median } from './parts';
import type { DataPage } from './queries';
import { words } from './strings';

const [WIDTH, HEIGHT] = [640, 80];

export function Histogram({ page }: { page: DataPage }) {
  const said = useStrings(words);
  const bins = binned(page.lengths);
  if (!bins.length) return null;
  const most = bins.reduce((high, bin) => Math.max(high, bin.count), 1);
  const [low, high] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 1];
  const at = (length: number) => ((length - low) / (high - low)) * WIDTH;
  const all = sum(page.lengths);
  const about = said.lengthsAbout(
    figure(page.lengths.length),
    figure(median(page.lengths)),
    figure(high - 1),
    percent(all ? sum(page.trained) / all : NaN),
  );
  const context = page.context;
  return (
    <section>
      <h2>{said.lengths}</h2>
      <p>{about}</p>
      <svg
        className={css.bars}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={about}
      >
        {bins.map((bin) => (
          <rect
            key={bin.from}
            x={at(bin.from)}
            width={Math.max(1, at(bin.to) - at(bin.from) - 1)}
            y={HEIGHT - (bin.count / most) * HEIGHT}
            height={(bin.count / most) * HEIGHT}
          >
            <title>{said.bin(figure(bin.from), figure(bin.to - 1), figure(bin.count))}</title>
          </rect>
        ))}
        {context !== null && context >= low && context < high && (
          <line x1={at(context)} x2={at(context)} y1={0} y2={HEIGHT} />
        )}
      </svg>
      <div className={css.axis}>
        <span>{figure(low)}</span>
        {context !== null && <span>{said.context(figure(context))}</span>}
        <span>{figure(high - 1)}</span>
      </div>
    </section>
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
