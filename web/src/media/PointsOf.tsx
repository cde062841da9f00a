/** Points in space: turned by dragging or by the arrow keys, nearer by + and -. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { COLORS, colorOf } from '~/shared/chart/colors';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { useTheme } from '~/shared/theme/theme';
import css from './media.module.css';
import { type Points, ballOf, pointsOf, turned } from './points';
import { useBytes } from './queries';
import type { PartProps } from './part';
import { words } from './strings';

// So many are drawn; of more, every so-manieth.
const MOST = 60_000;
const [WIDTH, HEIGHT] = [320, 240];
const TURN = 0.15;

interface View {
  yaw: number;
  pitch: number;
  zoom: number;
}

export function PointsOf({ run, name, entry }: PartProps) {
  const said = useStrings(words);
  const found = useBytes(run, String(entry.path));
  const points = useMemo(() => (found.data ? pointsOf(found.data) : null), [found.data]);
  if (found.isPending) return <Loading rows={4} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (!points) return <p className={css.quiet}>{said.noPoints}</p>;
  return <Turned name={name} points={points} />;
}

function Turned({ name, points }: { name: string; points: Points }) {
  const said = useStrings(words);
  const theme = useTheme();
  const place = useRef<HTMLCanvasElement>(null);
  const from = useRef<readonly [number, number] | null>(null);
  const [view, setView] = useState<View>({ yaw: 0.6, pitch: 0.4, zoom: 1 });
  const ball = useMemo(() => ballOf(points.places), [points]);
  useEffect(() => {
    if (place.current) draw(place.current, points, ball, view);
  }, [points, ball, view, theme]);
  const turn = (yaw: number, pitch: number) =>
    setView((one) => ({
      ...one,
      yaw: one.yaw + yaw,
      pitch: Math.max(-1.5, Math.min(1.5, one.pitch + pitch)),
    }));
  const nearer = (by: number) =>
    setView((one) => ({ ...one, zoom: Math.max(0.2, Math.min(20, one.zoom * by)) }));
  const KEYS: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => turn(-TURN, 0),
    ArrowRight: () => turn(TURN, 0),
    ArrowUp: () => turn(0, TURN),
    ArrowDown: () => turn(0, -TURN),
    '+': () => nearer(1.2),
    '-': () => nearer(1 / 1.2),
  };
  const num = points.places.length / 3;
  const about = said.points(figure(num));
  return (
    <>
      <canvas
        ref={place}
        className={css.points}
        width={2 * WIDTH}
        height={2 * HEIGHT}
        role="img"
        tabIndex={0}
        aria-label={`${name}: ${about}`}
        onKeyDown={(event) => {
          const does = KEYS[event.key];
          if (!does) return;
          event.preventDefault();
          does();
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          from.current = [event.clientX, event.clientY];
        }}
        onPointerMove={(event) => {
          if (!from.current) return;
          turn((event.clientX - from.current[0]) / 100, (event.clientY - from.current[1]) / 100);
          from.current = [event.clientX, event.clientY];
        }}
        onPointerUp={() => {
          from.current = null;
        }}
      />
      <p className={css.quiet}>{about}</p>
    </>
  );
}

type Ball = ReturnType<typeof ballOf>;

function draw(canvas: HTMLCanvasElement, points: Points, { middle, radius }: Ball, view: View): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const color = coloring(points, getComputedStyle(canvas).color);
  const scale = (0.48 * canvas.height * view.zoom) / radius;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const [near, right, up, point] of seen(points.places, middle, view)) {
    const depth = near / radius;
    context.globalAlpha = 0.7 + 0.3 * depth;
    context.fillStyle = color(point);
    context.fillRect(canvas.width / 2 + right * scale, canvas.height / 2 - up * scale, 3 + depth, 3 + depth);
  }
}

/** Points as they are seen, the farthest first: how near, right, up, and which. */
function seen(places: Float32Array, middle: Ball['middle'], { yaw, pitch }: View) {
  const num = places.length / 3;
  const found: [number, number, number, number][] = [];
  for (let point = 0; point < num; point += Math.ceil(num / MOST)) {
    const at = (axis: 0 | 1 | 2) => (places[3 * point + axis] ?? NaN) - middle[axis];
    const [right, up, near] = turned([at(0), at(1), at(2)], yaw, pitch);
    if (Number.isFinite(right + up)) found.push([near, right, up, point]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}

/** The colour of a point: its own, that of its class, or that of text. */
function coloring({ colors, classes }: Points, plain: string): (point: number) => string {
  if (colors) return (point) => `rgb(${colors[3 * point]} ${colors[3 * point + 1]} ${colors[3 * point + 2]})`;
  if (!classes) return () => plain;
  const known = Array.from({ length: COLORS }, (_, index) => colorOf(index));
  return (point) => known[Math.abs(Math.round(classes[point] ?? 0)) % COLORS] ?? plain;
}
