/** Where the time of a request went: a bar a stretch, with a tick at each token. */
import { duration, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Part } from './queries';
import css from './requests.module.css';
import { words } from './strings';

export function Waterfall({ parts }: { parts: readonly Part[] }) {
  const said = useStrings(words);
  const end = Math.max(...parts.map((part) => part.end_s), 1e-9);
  const names: Readonly<Record<string, string>> = {
    wait: said.wait,
    prompt: said.prompt,
    answer: said.answer,
  };
  return (
    <ol className={css.waterfall} aria-label={said.waterfall}>
      {parts.map((part) => {
        const width = (100 * (part.end_s - part.begin_s)) / end;
        const name = names[part.name] ?? part.name;
        return (
          <li key={part.id}>
            <span className={css.partName} title={part.name}>
              {name}
            </span>
            <span className={css.lane}>
              <span
                className={css.bar}
                data-kind={part.parent ? part.name : 'whole'}
                data-status={part.status}
                style={{ left: `${(100 * part.begin_s) / end}%`, width: `max(2px, ${width}%)` }}
              >
                {moments(part).map((moment, index) => (
                  <i key={index} style={{ left: `${100 * moment}%` }} />
                ))}
              </span>
            </span>
            <span className={css.partTime}>{duration(part.end_s - part.begin_s)}</span>
            <span className={css.quiet}>{about(part, said)}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** When tokens came, as shares of a stretch. */
function moments(part: Part): number[] {
  const told = part.attributes['whet.moments_ms'];
  const length = 1000 * (part.end_s - part.begin_s);
  if (!Array.isArray(told) || length <= 0) return [];
  return told.map((moment) => Number(moment) / length);
}

function about(part: Part, said: ReturnType<typeof useStrings<typeof words>>): string {
  const number = (name: string) => {
    const value = part.attributes[name];
    return typeof value === 'number' ? value : undefined;
  };
  const [tokens, known] = [number('whet.tokens'), number('whet.cached')];
  return [tokens === undefined ? '' : said.tokens(figure(tokens)), known ? said.known(figure(known)) : '']
    .filter(Boolean)
    .join(' · ');
}
