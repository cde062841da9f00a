/** Console: what a rank has printed, by lines, from a step on, or by what stands in it; the end follows a live run. */
import { useDeferredValue, useEffect, useRef } from 'react';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { Lines } from './Lines';
import css from './console.module.css';
import { type ConsolePage, LINES, type Place, useConsole } from './queries';
import { words } from './strings';

export default function Console() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const search = useDeferredValue(address.find ?? '');
  const place: Place = {
    rank: Number(address.rank ?? 0) || 0,
    start: address.line === undefined ? null : Number(address.line) || 0,
    step: address.step === undefined ? null : Number(address.step) || 0,
    search,
  };
  const isLive = useRun(run).data?.status === 'running';
  const found = useConsole(run, place, isLive);
  const box = useRef<HTMLDivElement>(null);
  const isEnd = place.start === null && place.step === null && !search;
  const last = found.data?.lines.at(-1)?.number;
  useEffect(() => {
    const element = box.current;
    if (element && isEnd) element.scrollTop = element.scrollHeight;
  }, [isEnd, last]);
  if (found.isPending) return <Loading rows={12} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const page = found.data;
  if (!page.total) return <Empty title={said.empty}>{said.emptyHint}</Empty>;
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <input
          className={css.find}
          type="search"
          value={address.find ?? ''}
          placeholder={said.find}
          aria-label={said.find}
          onChange={(event) => change({ find: event.target.value || undefined, line: undefined })}
        />
        {page.ranks.length > 1 && (
          <label className={css.pick}>
            {said.rank}
            <select
              value={place.rank}
              onChange={(event) => change({ rank: event.target.value, line: undefined })}
            >
              {page.ranks.map((rank) => (
                <option key={rank}>{rank}</option>
              ))}
            </select>
          </label>
        )}
        <label className={css.pick}>
          {said.step}
          <input
            className={css.step}
            type="number"
            min={0}
            value={address.step ?? ''}
            onChange={(event) => change({ step: event.target.value || undefined, line: undefined })}
          />
        </label>
        {!isEnd && (
          <Button onClick={() => change({ find: undefined, step: undefined, line: undefined })}>
            {said.end}
          </Button>
        )}
        <span className={css.about}>{said.about(page.total)}</span>
      </div>
      <Around page={page} search={search} onLine={(line) => change({ line: String(line), step: undefined })}>
        <Lines
          ref={box}
          label={said.lines}
          lines={page.lines}
          search={search}
          onPick={(line) =>
            change({ find: undefined, step: undefined, line: String(Math.max(0, line - 20)) })
          }
        />
      </Around>
      <Command line={`whet show ${quoted(run)} --console${place.rank ? ` --rank ${place.rank}` : ''}`} />
    </div>
  );
}

interface AroundProps {
  page: ConsolePage;
  search: string;
  onLine: (line: number) => void;
  children: React.ReactNode;
}

/** The lines, with ways to those before and behind them. */
function Around({ page, search, onLine, children }: AroundProps) {
  const said = useStrings(words);
  const first = page.lines[0]?.number ?? 0;
  const following = page.next;
  return (
    <>
      {!search && first > 0 && (
        <Button onClick={() => onLine(Math.max(0, first - LINES))}>{said.earlier}</Button>
      )}
      {search && page.lines.length === 0 ? <p className={css.about}>{said.none}</p> : children}
      {following !== null && (
        <Button onClick={() => onLine(following)}>{search ? said.more : said.later}</Button>
      )}
    </>
  );
}
