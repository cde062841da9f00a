/** The legend as a table: each curve with its value at the crosshair, and at its end where there is none. */
import { useImperativeHandle, useMemo, useRef, type Ref } from 'react';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { ChartSeries } from './series';
import css from './chart.module.css';
import { colorToken, dashOf } from './colors';
import { nearest } from './curve';
import { paced } from './frame';
import { placeText } from './scales';
import { words } from './strings';

export interface LegendHandle {
  /** Show values at a place of the axis, or the last ones. */
  place: (x: number | null) => void;
}

interface Props {
  series: readonly ChartSeries[];
  hidden: ReadonlySet<string>;
  onToggle: (id: string) => void;
  handle: Ref<LegendHandle>;
}

// Rows of so many pixels, of which at most so many are seen; nobody reads numbers that change faster.
const [ROW, SEEN, PACE_MS] = [18, 8, 100];

export function Legend({ series, hidden, onToggle, handle }: Props) {
  const said = useStrings(words);
  const cells = useRef(new Map<string, HTMLElement>());
  const place = useRef<{ x: number | null; top: number }>({ x: null, top: 0 });
  // Values follow the pointer: they are written past React, and only where they are seen.
  const write = useMemo(
    () =>
      paced(() => {
        const first = Math.floor(place.current.top / ROW);
        for (const one of series.slice(first, first + SEEN)) {
          const cell = cells.current.get(one.id);
          if (cell) cell.textContent = valueAt(one, place.current.x);
        }
      }, PACE_MS),
    [series],
  );
  useImperativeHandle(
    handle,
    () => ({
      place: (x) => {
        if (x === null && place.current.x === null) return;
        place.current.x = x;
        write();
      },
    }),
    [write],
  );
  return (
    <table
      className={css.legend}
      onScroll={(event) => {
        place.current.top = event.currentTarget.scrollTop;
        write();
      }}
    >
      <tbody>
        {series.map((one, index) => (
          <tr key={one.id} data-hidden={hidden.has(one.id) || undefined}>
            <th scope="row">
              <button
                type="button"
                onClick={() => onToggle(one.id)}
                title={said.toggle(one.label)}
                aria-pressed={!hidden.has(one.id)}
              >
                <Swatch index={one.color ?? index} />
                <span>{one.label}</span>
              </button>
            </th>
            <td
              ref={(cell) => {
                if (cell) cells.current.set(one.id, cell);
                else cells.current.delete(one.id);
              }}
            >
              {valueAt(one, null)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A curve's colour and dash, as it is drawn. */
export function Swatch({ index }: { index: number }) {
  return (
    <svg className={css.swatch} width={16} height={8} aria-hidden>
      <line
        x1={0}
        y1={4}
        x2={16}
        y2={4}
        stroke={colorToken(index)}
        strokeWidth={2.5}
        strokeDasharray={dashOf(index).join(' ')}
      />
    </svg>
  );
}

/** `0.142` or, of a bucket of several points, `0.142  (0.11 – 0.19)`; where there is a crosshair, with its place. */
export function valueAt({ curve }: ChartSeries, x: number | null): string {
  const at = x === null ? curve.mean.length - 1 : nearest(curve, x);
  if (at < 0) return '—';
  const [mean, low, high] = [curve.mean[at] ?? NaN, curve.low[at] ?? NaN, curve.high[at] ?? NaN];
  const [first, last] = [curve.first[at] ?? NaN, curve.last[at] ?? NaN];
  const range = low !== high ? `  (${figure(low)} – ${figure(high)})` : '';
  const place =
    x === null
      ? ''
      : `  @ ${placeText(first, curve.unit)}${first === last ? '' : `–${placeText(last, curve.unit)}`}`;
  return `${figure(mean)}${range}${place}`;
}
