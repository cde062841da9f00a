/** One chart: a title, its curves, a legend with values at the crosshair, and a menu to save it. */
import { useMemo, useRef, useState } from 'react';
import { IconButton } from '~/shared/controls/Button';
import { Menu, MenuItem } from '~/shared/controls/Menu';
import { useStrings } from '~/shared/i18n/i18n';
import type { ChartSeries } from './series';
import css from './chart.module.css';
import { csv, png, save, svg } from './export';
import type { Window } from './gestures';
import { useTogether } from './Group';
import { Legend, type LegendHandle } from './Legend';
import type { ChartMark } from './marks';
import { words } from './strings';
import { usePlot } from './usePlot';

interface Props {
  title: string;
  series: readonly ChartSeries[];
  height?: number;
  marks?: readonly ChartMark[];
  onMark?: (mark: ChartMark) => void;
  /** A place of the axis was clicked. */
  onPick?: (x: number) => void;
  /** The first and last place of all there is, where `series` holds a window of it. */
  whole?: Window;
}

const NONE: readonly ChartMark[] = [];
const LARGE = 460;

export function Chart({ title, series, height = 180, marks = NONE, onMark, onPick, whole }: Props) {
  const said = useStrings(words);
  const together = useTogether();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [isLog, setLog] = useState<boolean | null>(null);
  const [isLarge, setLarge] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<LegendHandle>(null);
  const all = useMemo(() => [...marks, ...oddMarks(series)], [marks, series]);
  const log = isLog ?? together.isLog;
  const plot = usePlot(place, {
    series,
    hidden,
    isLog: log,
    marks: all,
    onMark,
    onPick,
    whole,
    height: isLarge ? LARGE : height,
    onPlace: (x) => legend.current?.place(x),
  });
  const points = Math.max(0, ...series.map((one) => one.curve.mean.length));
  const shown = series.filter((one) => !hidden.has(one.id));
  const toggle = (id: string) =>
    setHidden((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <figure className={isLarge ? css.large : css.chart}>
      <figcaption className={css.head}>
        <b title={title}>{title}</b>
        {log && <span className={css.tag}>log</span>}
        <span className={css.space} />
        {together.window && (
          <IconButton icon="zoomOut" label={said.reset} onClick={() => together.onWindow(null)} />
        )}
        <Menu label={said.menu} icon="more">
          <MenuItem onSelect={() => setLarge(!isLarge)}>{isLarge ? said.small : said.large}</MenuItem>
          <MenuItem onSelect={() => setLog(!log)}>{log ? said.linear : said.log}</MenuItem>
          <MenuItem
            onSelect={() => {
              if (plot.current)
                void png(plot.current, title, shown).then((blob) => save(`${title}.png`, blob));
            }}
          >
            {said.png}
          </MenuItem>
          <MenuItem
            onSelect={() => {
              if (plot.current)
                save(`${title}.svg`, new Blob([svg(plot.current, title, shown)], { type: 'image/svg+xml' }));
            }}
          >
            {said.svg}
          </MenuItem>
          <MenuItem onSelect={() => save(`${title}.csv`, new Blob([csv(shown)], { type: 'text/csv' }))}>
            {said.csv}
          </MenuItem>
        </Menu>
      </figcaption>
      <div ref={place} className={css.plot} role="group" aria-label={said.about(title, points)} />
      {points === 0 && <p className={css.none}>{said.nothing}</p>}
      <Legend series={series} hidden={hidden} onToggle={toggle} handle={legend} />
    </figure>
  );
}

function oddMarks(series: readonly ChartSeries[]): ChartMark[] {
  return series.flatMap(({ label, curve }) =>
    curve.odd.map((one) => {
      const where = one.from === one.to ? `${one.from}` : `${one.from}–${one.to}`;
      return {
        kind: one.kind,
        x: one.from,
        text: `${label}: ${one.kind} @ ${where}${one.count > 1 ? ` (${one.count})` : ''}`,
      };
    }),
  );
}
