/** Memory over a step: its moments from left to right, stacked by component, with the peak and what the card has. */
import { useState } from 'react';
import { bytes } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { colorOf } from './colors';
import type { Moment } from './forms';
import css from './plan.module.css';
import { nameWords, words } from './strings';

interface Props {
  moments: readonly Moment[];
  peak: Moment;
  limit: number;
  components: readonly string[];
}

const HEIGHT = 100;
/** Of all moments, the share that a phase must have for its name to have room. */
const NARROW = 0.12;

export function Timeline({ moments, peak, limit, components }: Props) {
  const said = useStrings(words);
  const names: Readonly<Record<string, string>> = useStrings(nameWords);
  const [at, setAt] = useState<number | null>(null);
  const top = Math.max(peak.total, limit) * 1.06;
  const highest = moments.indexOf(peak);
  const shown = moments[at ?? highest] ?? peak;
  const y = (value: number) => HEIGHT - (HEIGHT * value) / top;
  const words_ = useMoment();
  const phases = runsOf(moments);
  const to = (event: { clientX: number; currentTarget: Element }) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    setAt(Math.max(0, Math.min(moments.length - 1, Math.floor(share * moments.length))));
  };
  return (
    <>
      <div
        className={css.time}
        role="slider"
        tabIndex={0}
        aria-label={said.timeline}
        aria-valuemin={0}
        aria-valuemax={moments.length - 1}
        aria-valuenow={at ?? highest}
        aria-valuetext={said.atMoment(words_(shown), bytes(shown.total))}
        onPointerMove={to}
        onPointerDown={to}
        onPointerLeave={() => setAt(null)}
        onKeyDown={(event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (step === undefined) return;
          event.preventDefault();
          setAt(Math.max(0, Math.min(moments.length - 1, (at ?? highest) + step)));
        }}
      >
        <svg viewBox={`0 0 ${moments.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {layersOf(moments, components).map(({ name, low, high }) => (
            <path key={name} d={areaOf(low.map(y), high.map(y))} fill={colorOf(name)} />
          ))}
          <rect x={highest} width={1} y={y(peak.total)} height={HEIGHT} fill="var(--text)" opacity={0.35} />
          {at !== null && <rect x={at} width={1} y={0} height={HEIGHT} fill="var(--text)" opacity={0.15} />}
          <line
            x1={0}
            x2={moments.length}
            y1={y(limit)}
            y2={y(limit)}
            stroke={peak.total > limit ? 'var(--bad)' : 'var(--text)'}
            strokeWidth={1.5}
            strokeDasharray="5 3"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        <span
          className={css.summit}
          data-end={highest > moments.length / 2 || undefined}
          style={{ left: `${(100 * (highest + 0.5)) / moments.length}%`, top: `${y(peak.total)}%` }}
        >
          {said.peakHere(words_(peak), bytes(peak.total))}
        </span>
      </div>
      <div className={css.phases}>
        {phases.map(([phase, count]) => (
          <span key={phase} style={{ flex: `${count} 1 0` }} title={names[phase] ?? phase}>
            {count > NARROW * moments.length && (names[phase] ?? phase)}
          </span>
        ))}
      </div>
      <output className={css.readout}>
        {said.atMoment(words_(shown), bytes(shown.total))}
        {shown === peak && ` · ${said.peak}`}
      </output>
    </>
  );
}

/** What a moment is called. */
export function useMoment(): (moment: Moment) => string {
  const names: Readonly<Record<string, string>> = useStrings(nameWords);
  return ({ phase, what }) => (what ? `${names[phase] ?? phase}, ${what}` : (names[phase] ?? phase));
}

/** The phases with how many moments each has, in order. */
function runsOf(moments: readonly Moment[]): [string, number][] {
  const found = new Map<string, number>();
  for (const { phase } of moments) found.set(phase, (found.get(phase) ?? 0) + 1);
  return [...found];
}

/** For each component where it begins and ends at every moment, one on the other. */
function layersOf(moments: readonly Moment[], components: readonly string[]) {
  let base = moments.map(() => 0);
  return components.map((name) => {
    const low = base;
    const high = moments.map((one, index) => (low[index] ?? 0) + (one.parts[name] ?? 0));
    base = high;
    return { name, low, high };
  });
}

/** An area with a step a moment. */
function areaOf(low: readonly number[], high: readonly number[]): string {
  const along = high.map((value, index) => `L${index} ${value}L${index + 1} ${value}`).join('');
  const back = low.map((value, index) => `L${index + 1} ${value}L${index} ${value}`).reverse();
  return `M0 ${low[0] ?? 0}${along}${back.join('')}Z`;
}
