/** A moment: how long ago, and on hover when. */
import { useEffect, useState } from 'react';
import { type Language, useLanguage } from '~/shared/i18n/i18n';

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** Unix seconds as `3 minutes ago`; what is less than five seconds ago is `now`. */
export function ago(time: number, now: number, chosen: Language): string {
  const passed = now - time;
  const format = new Intl.RelativeTimeFormat(chosen, {
    numeric: 'auto',
    style: chosen === 'en' ? 'narrow' : 'long',
  });
  if (Math.abs(passed) < 5) return format.format(0, 'second');
  const [unit, seconds] = UNITS.find(([, least]) => Math.abs(passed) >= least) ?? ['second', 1];
  return format.format(-Math.round(passed / seconds), unit);
}

/** Unix seconds as a date with seconds and the zone. */
export function absolute(time: number, chosen: Language): string {
  const style = { dateStyle: 'medium', timeStyle: 'long' } as const;
  return new Intl.DateTimeFormat(chosen === 'zh' ? 'zh-CN' : 'en-GB', style).format(time * 1000);
}

/** The time now in Unix seconds, anew every so many seconds. */
export function useNow(everySeconds: number): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000 * everySeconds);
    return () => clearInterval(timer);
  }, [everySeconds]);
  return now;
}

/** `time` in Unix seconds; nothing where there is none. */
export function Time({ time }: { time: number | null | undefined }) {
  const chosen = useLanguage();
  const now = useNow(10);
  if (time === null || time === undefined) return <span>—</span>;
  return (
    <time dateTime={new Date(time * 1000).toISOString()} title={absolute(time, chosen)}>
      {ago(time, now, chosen)}
    </time>
  );
}
