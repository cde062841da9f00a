/** What is seen of a chart as a file: png, svg or csv. */
import type uPlot from 'uplot';
import { token } from '~/shared/theme/theme';
import type { ChartSeries } from './series';
import { colorOf } from './colors';
import { type Curve, places } from './curve';

/** Let the browser save a file. */
export function save(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replaceAll(/[^\w.-]+/g, '-');
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The chart as a picture, with its title and its legend. */
export async function png(chart: uPlot, title: string, series: readonly ChartSeries[]): Promise<Blob> {
  const source = chart.ctx.canvas;
  const unit = devicePixelRatio || 1;
  const head = 28 * unit;
  const canvas = document.createElement('canvas');
  canvas.width = source.width;
  canvas.height = source.height + head;
  const draw = canvas.getContext('2d');
  if (!draw) throw new Error('this browser draws no pictures');
  draw.fillStyle = token('--surface');
  draw.fillRect(0, 0, canvas.width, canvas.height);
  draw.font = `600 ${13 * unit}px ${token('--font')}`;
  draw.fillStyle = token('--text');
  draw.fillText(title, 8 * unit, 19 * unit);
  let left = 24 * unit + draw.measureText(title).width;
  draw.font = `${12 * unit}px ${token('--font')}`;
  series.forEach((one, index) => {
    draw.fillStyle = colorOf(one.color ?? index);
    draw.fillText(one.label, left, 19 * unit);
    left += draw.measureText(one.label).width + 12 * unit;
  });
  draw.drawImage(source, 0, head);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture came'))), 'image/png'),
  );
}

const text = (value: string) => value.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

/** The chart as lines that any program can draw: what is seen, in the window and scale that it is seen in. */
export function svg(chart: uPlot, title: string, series: readonly ChartSeries[]): string {
  const [width, height] = [chart.width, chart.height + 28];
  const area = { left: chart.bbox.left / devicePixelRatio, top: chart.bbox.top / devicePixelRatio + 28 };
  const size = { width: chart.bbox.width / devicePixelRatio, height: chart.bbox.height / devicePixelRatio };
  const x = (value: number) => (area.left + chart.valToPos(value, 'x')).toFixed(1);
  const y = (value: number) => (area.top + chart.valToPos(value, 'y')).toFixed(1);
  const lines = series.map((one, index) => {
    const color = colorOf(one.color ?? index);
    const line = `<path d="${path(one.curve, one.curve.mean, x, y)}" fill="none" stroke="${color}" stroke-width="1.5"/>`;
    const ends = [one.curve.low, one.curve.high].map(
      (edge) =>
        `<path d="${path(one.curve, edge, x, y)}" fill="none" stroke="${color}" stroke-opacity=".35" stroke-width=".6"/>`,
    );
    return `<g><title>${text(one.label)}</title>${ends.join('')}${line}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="${token('--surface')}"/>
<text x="8" y="19" font-weight="600" fill="${token('--text')}">${text(title)}</text>
<clipPath id="area"><rect x="${area.left}" y="${area.top}" width="${size.width}" height="${size.height}"/></clipPath>
<rect x="${area.left}" y="${area.top}" width="${size.width}" height="${size.height}" fill="none" stroke="${token('--line-strong')}"/>
${labels(chart, area, size)}
<g clip-path="url(#area)">${lines.join('\n')}</g>
</svg>`;
}

function labels(
  chart: uPlot,
  area: { left: number; top: number },
  size: { width: number; height: number },
): string {
  const color = token('--text-2');
  const ends = (scale: 'x' | 'y') => [chart.scales[scale]?.min ?? 0, chart.scales[scale]?.max ?? 1];
  const across = ends('x').map(
    (value, end) =>
      `<text x="${area.left + end * size.width}" y="${area.top + size.height + 16}" text-anchor="${end ? 'end' : 'start'}" fill="${color}">${Number(value.toPrecision(5))}</text>`,
  );
  const up = ends('y').map(
    (value, end) =>
      `<text x="${area.left - 6}" y="${area.top + (end ? 10 : size.height)}" text-anchor="end" fill="${color}">${Number(value.toPrecision(4))}</text>`,
  );
  return [...across, ...up].join('\n');
}

function path(
  curve: Curve,
  values: Float64Array,
  x: (value: number) => string,
  y: (value: number) => string,
): string {
  let isDown = false;
  const parts: string[] = [];
  places(curve).forEach((at, index) => {
    const value = values[index] ?? NaN;
    if (Number.isFinite(value)) parts.push(`${isDown ? 'L' : 'M'}${x(at)} ${y(value)}`);
    isDown = Number.isFinite(value);
  });
  return parts.join('');
}

/** The buckets of curves as rows: where from and to, lowest, mean and highest value. */
export function csv(series: readonly ChartSeries[]): string {
  const quoted = (value: string) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = series.flatMap(({ label, curve }) =>
    Array.from(curve.first, (first, index) =>
      [quoted(label), first, curve.last[index], curve.low[index], curve.mean[index], curve.high[index]].join(
        ',',
      ),
    ),
  );
  return ['curve,first,last,low,mean,high', ...rows].join('\n') + '\n';
}
