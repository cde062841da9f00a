/** Parts of a whole as one bar in pieces, with each part's value and share below; a mark where a limit is. */
import { percent } from '~/shared/format/numbers';
import { colorToken } from './colors';
import css from './shares.module.css';

export interface Share {
  id: string;
  label: string;
  /** Zero or more. */
  value: number;
  /** Which colour it has; its place in the list unless it is said. */
  color?: number;
}

interface Props {
  shares: readonly Share[];
  /** What it is, for who cannot see it. */
  about: string;
  /** A value with its unit. */
  shown: (value: number) => string;
  /** What there is, such as the memory of a card: the bar reaches as far, and shows what goes beyond. */
  limit?: { at: number; text: string };
}

export function Shares({ shares, about, shown, limit }: Props) {
  const total = shares.reduce((sum, one) => sum + one.value, 0);
  const reach = Math.max(total, limit?.at ?? 0) || 1;
  const isOver = limit !== undefined && total > limit.at;
  return (
    <div className={css.place}>
      <div className={css.shares} role="img" aria-label={about}>
        {shares.map((one, index) => (
          <span
            key={one.id}
            style={{ width: `${(100 * one.value) / reach}%`, background: colorToken(one.color ?? index) }}
            title={`${one.label}: ${shown(one.value)} (${percent(one.value / (total || 1))})`}
          />
        ))}
      </div>
      {limit && (
        <p
          className={css.limit}
          data-over={isOver || undefined}
          data-left={limit.at > reach / 2 || undefined}
          style={{ left: `${(100 * limit.at) / reach}%` }}
        >
          {limit.text}
        </p>
      )}
      <ul className={css.legend}>
        {shares.map((one, index) => (
          <li key={one.id}>
            <span style={{ background: colorToken(one.color ?? index) }} /> {one.label} {shown(one.value)} ·{' '}
            {percent(one.value / (total || 1))}
          </li>
        ))}
      </ul>
    </div>
  );
}
