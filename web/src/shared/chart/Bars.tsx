/** Counts in bins as bars, each told when it is pointed at; with a line where a limit is, if it lies among them. */
import css from './bars.module.css';

/** Values from `from` up to and without `to`. */
export interface Bin {
  from: number;
  to: number;
  count: number;
}

interface Props {
  bins: readonly Bin[];
  /** All of it in a line, for who cannot see it. */
  about: string;
  titleOf: (bin: Bin) => string;
  /** What stands below the first and the last bar. */
  ends: readonly [string, string];
  limit?: { at: number; text: string };
}

const [WIDTH, HEIGHT, GAP] = [640, 80, 1];

export function Bars({ bins, about, titleOf, ends, limit }: Props) {
  const most = bins.reduce((high, bin) => Math.max(high, bin.count), 1);
  const [low, high] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 1];
  const shareOf = (value: number) => (high > low ? (value - low) / (high - low) : 0);
  const isWithin = limit !== undefined && limit.at >= low && limit.at < high;
  return (
    <div className={css.place}>
      <svg
        className={css.bars}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={about}
      >
        {bins.map((bin, index) => {
          const [from, to] = [WIDTH * shareOf(bin.from), WIDTH * shareOf(bin.to)];
          const height = (bin.count / most) * HEIGHT;
          return (
            <rect
              key={index}
              x={from}
              width={Math.max(GAP, to - from - GAP)}
              y={HEIGHT - height}
              height={height}
            >
              <title>{titleOf(bin)}</title>
            </rect>
          );
        })}
      </svg>
      {isWithin && (
        <span
          className={css.limit}
          data-left={shareOf(limit.at) > 0.5 || undefined}
          style={{ left: `${100 * shareOf(limit.at)}%` }}
        >
          {limit.text}
        </span>
      )}
      <p className={css.axis} aria-hidden>
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </p>
    </div>
  );
}
