/** Numbers as people read them: at most 4 significant digits, with units; the same as the terminal shows. */

const LARGE: readonly [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];
const SIZES: readonly [number, string][] = [
  [2 ** 40, 'TiB'],
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
];

const short = (value: number, digits = 4) => String(Number(value.toPrecision(digits)));

/** A plain number: `1.234`, `5e-5`, `12.3k`; NaN and infinities by name. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (size >= 1e15 || (size > 0 && size < 1e-3)) {
    const [mantissa = '', exponent = ''] = value.toExponential(3).split('e');
    return `${Number(mantissa)}e${Number(exponent)}`.replace('-', '−').replace('e-', 'e−');
  }
  const unit = size >= 1e4 ? LARGE.find(([least]) => size >= least) : undefined;
  const text = unit ? `${short(value / unit[0])}${unit[1]}` : short(value);
  return text.replace('-', '−');
}

/** Money, of one request as of a thousand: three digits that say something, never an exponent: `0.000189`, `12.50`. */
export function money(value: number): string {
  if (!Number.isFinite(value)) return '—';
  const places = value === 0 ? 2 : 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(12, Math.max(2, places))).replace('-', '−');
}

/** A whole number with its thousands apart: `1 000 000`. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** Bytes: `3.21 GiB`. */
export function bytes(value: number): string {
  const unit = SIZES.find(([least]) => value >= least);
  return unit ? `${short(value / unit[0])} ${unit[1]}` : `${value.toFixed(0)} B`;
}

/** A span of time, its two largest units: `2d03h`, `1h02m`, `3m20s`, `12.3s`, `250ms`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '—';
  if (seconds > 0 && seconds < 1) return `${short(1000 * seconds, 3)}ms`;
  if (seconds < 59.95) return `${short(seconds, 3)}s`;
  const total = Math.round(seconds);
  const pad = (value: number) => String(value).padStart(2, '0');
  const [days, hours, minutes] = [
    Math.floor(total / 86400),
    Math.floor(total / 3600) % 24,
    Math.floor(total / 60) % 60,
  ];
  if (days) return `${days}d${pad(hours)}h`;
  return hours ? `${hours}h${pad(minutes)}m` : `${minutes}m${pad(total % 60)}s`;
}

/** A share of one: `41.2 %`. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${short(100 * share, 3)} %` : '—';
}
