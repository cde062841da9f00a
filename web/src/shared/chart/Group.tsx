/** Charts that belong together: one crosshair, one window of the axis, one smoothing. */
import { type ReactNode, createContext, useContext, useMemo, useRef } from 'react';
import type uPlot from 'uplot';
import type { Window } from './gestures';

export interface Together {
  /** Charts with one key share their crosshair. */
  key: string;
  window: Window | null;
  /** The window was chosen; to be kept (in the address) and, once it is final, asked for in full. */
  onWindow: (window: Window | null) => void;
  smoothing: number;
  isLog: boolean;
  /** The charts that stand, so that all of them move at once while one is zoomed. */
  charts: Set<uPlot>;
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
  const charts = useRef(new Set<uPlot>()).current;
  const together = useMemo(
    () => ({ key: name, window, onWindow, smoothing, isLog, charts }),
    [name, window, onWindow, smoothing, isLog, charts],
  );
  return <Context.Provider value={together}>{children}</Context.Provider>;
}

/** What the charts around share. */
export function useTogether(): Together {
  const together = useContext(Context);
  if (together === null) throw new Error('a chart stands in a <ChartGroup>');
  return together;
}
