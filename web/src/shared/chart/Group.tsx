/** Charts that belong together: one crosshair, one window of the axis, one smoothing. */
import { type ReactNode, createContext, useContext, useEffect, useMemo, useState } from 'react';
import { onceAFrame } from './frame';
import type { Window } from './gestures';
import { Ink } from './ink';

export interface Together {
  /** Charts with one key share their crosshair. */
  key: string;
  window: Window | null;
  /** The window was chosen; to be kept (in the address) and, once it is final, asked for in full. */
  onWindow: (window: Window | null) => void;
  smoothing: number;
  isLog: boolean;
  moving: Moving;
}

/** The charts that stand, so that all of them move at once while one is zoomed. */
export class Moving {
  /** What has a chart show the window. */
  readonly charts = new Set<() => void>();
  /** What their pictures are drawn with, one after the other. */
  readonly ink = new Ink();
  /** Whether a hand is at it: then axes hold still, but for what would not be seen. */
  isMoving = false;
  private readonly show = onceAFrame(() => {
    for (const show of this.charts) show();
  });

  /** `window` is what is seen, before it is final too. */
  constructor(public window: Window | null) {}

  /** All charts show a window in the next frame; `isFinal` once the hand rests. */
  to(window: Window | null, isFinal: boolean): void {
    this.window = window;
    this.isMoving = !isFinal;
    this.show();
  }
}

const Context = createContext<Together | null>(null);

interface Props {
  name: string;
  window: Window | null;
  onWindow: (window: Window | null) => void;
  smoothing?: number;
  isLog?: boolean;
  children: ReactNode;
}

/** Charts below this share what it is given. */
export function ChartGroup({ name, window, onWindow, smoothing = 0, isLog = false, children }: Props) {
  const [moving] = useState(() => new Moving(window));
  const [from, to] = window ?? [];
  useEffect(
    () => moving.to(from === undefined || to === undefined ? null : [from, to], true),
    [moving, from, to],
  );
  const together = useMemo(
    () => ({ key: name, window, onWindow, smoothing, isLog, moving }),
    [name, window, onWindow, smoothing, isLog, moving],
  );
  return <Context.Provider value={together}>{children}</Context.Provider>;
}

/** What the charts around share. */
export function useTogether(): Together {
  const together = useContext(Context);
  if (together === null) throw new Error('a chart stands in a <ChartGroup>');
  return together;
}
