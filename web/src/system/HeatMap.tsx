/** Ranks by steps as a map: the darker, the higher; a hand or the arrows read it, a click shows what was printed then. */
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import { figure, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { token, useTheme } from '~/shared/theme/theme';
import { type Scale, shareOf } from './matrix';
import css from './system.module.css';
import { words } from './strings';

export interface Cells {
  ranks: readonly number[];
  /** Where columns begin, and the end of the last. */
  edges: readonly number[];
  values: readonly (readonly number[])[];
  scale: Scale;
}

interface Place {
  row: number;
  column: number;
}

const STEPS: Readonly<Record<string, [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};
// All ranks together are about so high, a rank at least and at most as high as these.
const [HEIGHT_PX, LEAST_PX, MOST_PX] = [400, 2, 22];
// Ranks that are named at the side.
const NAMED = 16;

interface Props {
  cells: Cells;
  /** What a rank is called. */
  nameOf: (rank: number) => string;
  onOpen: (rank: number, step: number) => void;
}

export function HeatMap({ cells, nameOf, onOpen }: Props) {
  const said = useStrings(words);
  const { ranks, edges, values, scale } = cells;
  const columns = edges.length - 1;
  const height = Math.round(Math.min(MOST_PX, Math.max(LEAST_PX, HEIGHT_PX / ranks.length)));
  const [at, setAt] = useState<Place | null>(null);
  const canvas = useCanvas(cells, height);
  const told = (place: Place) => {
    const [from, to] = [edges[place.column] ?? 0, (edges[place.column + 1] ?? 1) - 1];
    const steps = from === to ? whole(from) : `${whole(from)}–${whole(to)}`;
    return said.at(nameOf(ranks[place.row] ?? 0), steps, figure(values[place.row]?.[place.column] ?? NaN));
  };
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const within = (value: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor(value * count)));
    setAt({
      row: within((event.clientY - box.top) / box.height, ranks.length),
      column: within((event.clientX - box.left) / box.width, columns),
    });
  };
  const open = () => at && onOpen(ranks[at.row] ?? 0, edges[at.column] ?? 0);
  const key = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const { row, column } = at ?? { row: 0, column: 0 };
    if (step) {
      setAt({
        row: Math.min(ranks.length - 1, Math.max(0, row + (at ? step[0] : 0))),
        column: Math.min(columns - 1, Math.max(0, column + (at ? step[1] : 0))),
      });
    } else if (event.key === 'Enter') open();
    else return;
    event.preventDefault();
  };
  const every = Math.ceil(ranks.length / NAMED);
  return (
    <div className={css.mapAll}>
      <div className={css.rankNames} aria-hidden>
        {ranks.map((rank, row) => (
          <span key={rank} style={{ height }}>
            {row % every ? '' : rank}
          </span>
        ))}
      </div>
      <div className={css.mapPlace}>
        <button
          type="button"
          className={css.map}
          aria-label={said.mapAbout(ranks.length, columns)}
          aria-describedby="rank-readout"
          onPointerMove={point}
          onPointerLeave={() => setAt(null)}
          onKeyDown={key}
          onClick={open}
        >
          <canvas ref={canvas} style={{ height: height * ranks.length }} />
          {at && (
            <i
              style={{
                left: `${(100 * at.column) / columns}%`,
                width: `${100 / columns}%`,
                top: at.row * height,
                height,
              }}
            />
          )}
        </button>
        <p className={css.mapAxis}>
          <span>{whole(edges[0] ?? 0)}</span>
          <output id="rank-readout">{at ? told(at) : said.mapHint}</output>
          <span>{whole((edges.at(-1) ?? 1) - 1)}</span>
        </p>
        <p className={css.scale}>
          {figure(scale.low)}
          <span />
          {scale.isCut ? `≥ ${figure(scale.high)}` : figure(scale.high)}
        </p>
      </div>
    </div>
  );
}

/** A canvas with a pixel a column and as many lines a rank as it is high, drawn in the theme's colour. */
function useCanvas({ ranks, edges, values, scale }: Cells, height: number) {
  const place = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const canvas = place.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    canvas.width = edges.length - 1;
    canvas.height = ranks.length * height;
    context.fillStyle = token('--series-2');
    values.forEach((row, index) =>
      row.forEach((value, column) => {
        if (!Number.isFinite(value)) return;
        context.globalAlpha = 0.06 + 0.94 * shareOf(value, scale);
        context.fillRect(column, index * height, 1, height > 4 ? height - 1 : height);
      }),
    );
  }, [ranks, edges, values, scale, height, theme]);
  return place;
}
