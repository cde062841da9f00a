/** A figure of a run: its value, by how much it differs from the baseline, and where its interval lies among the others. */
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { type Against, type Cell, placeOf, type Scale, type Task, verdictOf } from './measured';
import css from './measured.module.css';
import { words } from './strings';

interface Props {
  cell: Cell | null | undefined;
  figure: Task['figures'][number];
  scale: Scale;
  /** The baseline's. */
  base: Cell | null | undefined;
  color: string;
}

export function MeasuredCell({ cell, figure: about, scale, base, color }: Props) {
  const said = useStrings(words);
  if (!cell) return <>–</>;
  return (
    <div className={css.measured}>
      <span>
        <b data-best={cell.is_best || undefined}>{figure(real(cell.value))}</b>
        {cell.is_best && <em>{said.best}</em>}
        {cell.low !== null && cell.high !== null && (
          <small>{said.to(figure(real(cell.low)), figure(real(cell.high)))}</small>
        )}
      </span>
      {cell.against && <Difference against={cell.against} lessIsBetter={about.less_is_better} />}
      <Strip cell={cell} scale={scale} base={base} color={color} />
    </div>
  );
}

function Difference({ against, lessIsBetter }: { against: Against; lessIsBetter: boolean | null }) {
  const said = useStrings(words);
  const verdict = verdictOf(against, lessIsBetter);
  const value = real(against.difference);
  const { low, high, n } = against;
  const title =
    low === null || high === null
      ? said.unpaired
      : said.paired(String(n), figure(real(low)), figure(real(high)));
  return (
    <span className={css.difference} data-verdict={verdict ?? undefined} title={title}>
      {value > 0 && '+'}
      {figure(value)} {verdict && <span>{said[verdict]}</span>}
    </span>
  );
}

/** The interval as a line with the value on it; where the baseline stands, a mark. For the eye alone: it is all said above. */
function Strip({ cell, scale, base, color }: Pick<Props, 'cell' | 'scale' | 'base' | 'color'>) {
  const value = real(cell?.value);
  if (!Number.isFinite(value)) return null;
  const [low, high] = [real(cell?.low), real(cell?.high)];
  const [from, to] = [Number.isFinite(low) ? low : value, Number.isFinite(high) ? high : value];
  const start = placeOf(from, scale);
  const baseline = real(base?.value);
  return (
    <div className={css.strip} aria-hidden>
      {Number.isFinite(baseline) && (
        <span className={css.stripBase} style={{ left: `${placeOf(baseline, scale)}%` }} />
      )}
      <span
        className={css.stripRange}
        style={{ left: `${start}%`, width: `${placeOf(to, scale) - start}%`, background: color }}
      />
      <span className={css.stripValue} style={{ left: `${placeOf(value, scale)}%`, background: color }} />
    </div>
  );
}
