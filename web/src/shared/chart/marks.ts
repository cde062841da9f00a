/** Marks on the axis of a chart: what happened at a step, and where a curve is no number; each a button. */
import type uPlot from 'uplot';

export interface ChartMark {
  /** `checkpoint`, `evaluation`, `NaN`, ...: decides its sign. */
  kind: string;
  x: number;
  text: string;
}

const SIGNS: Readonly<Record<string, string>> = {
  checkpoint: '◆',
  evaluation: '●',
  start: '↻',
  resume: '↻',
  notice: '▲',
  alert: '▲',
  diagnosis: '▲',
  killed: '✕',
  end: '■',
  NaN: '✕',
  Infinity: '✕',
  '-Infinity': '✕',
};
const BAD = new Set(['NaN', 'Infinity', '-Infinity', 'alert', 'killed', 'diagnosis']);
// Marks nearer to each other than this are one button that tells all of them.
const APART_PX = 9;

interface Placed {
  left: number;
  marks: ChartMark[];
}

/** Marks as buttons, from left to right; those too near to tell apart together. */
export function gathered(marks: readonly ChartMark[], place: (x: number) => number, width: number): Placed[] {
  const found: Placed[] = [];
  for (const mark of [...marks].sort((a, b) => a.x - b.x)) {
    const left = place(mark.x);
    if (!(left >= -1 && left <= width + 1)) continue;
    const before = found.at(-1);
    if (before && left - before.left < APART_PX) before.marks.push(mark);
    else found.push({ left, marks: [mark] });
  }
  return found;
}

/** The plugin of uPlot that shows them. `marks` is asked at each drawing. */
export function marksPlugin(
  marks: () => readonly ChartMark[],
  onMark: (mark: ChartMark) => void,
  classes: { marks: string; mark: string; bad: string },
): uPlot.Plugin {
  const strip = document.createElement('div');
  strip.className = classes.marks;
  let shown = '';
  return {
    hooks: {
      ready: (chart) => chart.over.append(strip),
      draw: (chart) => {
        const placed = gathered(marks(), (x) => chart.valToPos(x, 'x'), chart.over.clientWidth);
        const key = placed
          .map((one) => `${one.left.toFixed(0)}:${one.marks.length}:${one.marks[0]?.text}`)
          .join('|');
        if (key === shown) return;
        shown = key;
        strip.replaceChildren(...placed.map((one) => buttonOf(one, onMark, classes)));
      },
    },
  };
}

function buttonOf(
  placed: Placed,
  onMark: (mark: ChartMark) => void,
  classes: { mark: string; bad: string },
): HTMLElement {
  const button = document.createElement('button');
  const worst = placed.marks.find((mark) => BAD.has(mark.kind)) ?? placed.marks[0];
  button.type = 'button';
  button.className = worst && BAD.has(worst.kind) ? `${classes.mark} ${classes.bad}` : classes.mark;
  button.style.left = `${placed.left}px`;
  button.textContent = SIGNS[worst?.kind ?? ''] ?? '▲';
  button.title = placed.marks
    .slice(0, 12)
    .map((mark) => mark.text)
    .join('\n');
  button.setAttribute('aria-label', button.title);
  button.addEventListener('mousedown', (event) => event.stopPropagation());
  button.addEventListener('click', () => worst && onMark(worst));
  return button;
}
