/** Console: what a rank has printed, searched, from a step on, and followed while it runs. */
import { useCallback, useDeferredValue, useEffect, useRef, useState } from 'react';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { Bar } from './Bar';
import { Chosen } from './Chosen';
import css from './console.module.css';
import { Lines } from './Lines';
import { type Line, type Source, useConsole, useLineOf, useLines, useMatches } from './queries';
import { words } from './strings';
import { type ConsoleView, useConsoleView } from './view';
import { Whole } from './Whole';

export default function Console() {
  const said = useStrings(words);
  const run = useRunName();
  const [view, change] = useConsoleView();
  const isLive = useRun(run).data?.status === 'running';
  const source: Source = { run, rank: view.rank, isLive };
  const found = useConsole(source);
  if (found.isPending) return <Loading rows={12} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { total, ranks } = found.data;
  if (!ranks.length) return <Empty title={said.empty}>{said.emptyHint}</Empty>;
  return (
    <div className={css.page}>
      <Printed key={view.rank} source={source} total={total} ranks={ranks} view={view} onChange={change} />
      <Command line={commandOf(run, view)} />
    </div>
  );
}

function commandOf(run: string, view: ConsoleView): string {
  const of = view.rank ? ` --rank ${view.rank}` : '';
  return `whet show ${quoted(run)} --console${of}${view.find ? ` | grep -i -F ${quoted(view.find)}` : ''}`;
}

interface Props {
  source: Source;
  total: number;
  ranks: readonly number[];
  view: ConsoleView;
  onChange: (change: Partial<ConsoleView>) => void;
}

function Printed({ source, total, ranks, view, onChange }: Props) {
  const said = useStrings(words);
  const field = useRef<HTMLInputElement>(null);
  const search = useDeferredValue(view.find);
  const [first, setFirst] = useState(0);
  const found = useMatches(source, search, view.stream);
  const { hasNextPage, isFetching, fetchNextPage } = found;
  const matches = found.data?.pages.flatMap((page) => page.lines) ?? [];
  const isFiltered = view.stream !== undefined || (view.isOnly && search !== '');
  const from = useLineOf(source, view.step);
  const line = view.line ?? from;
  const place = matches.findIndex((one) => one.number === line);
  // A search goes on until it has found something; a list of what was found, where its end is seen.
  const isShort = !matches.length || (isFiltered && first > matches.length - 100);
  useEffect(() => {
    if (hasNextPage && isShort && !isFetching) void fetchNextPage();
  }, [hasNextPage, isShort, isFetching, fetchNextPage]);
  const go = (by: 1 | -1) => {
    const here = line ?? (isFiltered ? -1 : first);
    const next =
      by > 0 ? matches.find((one) => one.number > here) : matches.findLast((one) => one.number < here);
    if (!next && by > 0 && hasNextPage) void fetchNextPage();
    const to = next ?? matches.at(by > 0 ? 0 : -1);
    if (to) onChange({ line: to.number });
  };
  const move = (by: number) =>
    onChange({ line: Math.max(0, Math.min(total - 1, (line ?? first) + (line === undefined ? 0 : by))) });
  useKeys([
    {
      keys: '/',
      does: { en: 'Find in the console', zh: '在控制台中查找' },
      run: () => field.current?.focus(),
    },
    { keys: 'n', does: { en: 'Next match', zh: '下一处' }, run: () => go(1) },
    { keys: 'shift+n', does: { en: 'Previous match', zh: '上一处' }, run: () => go(-1) },
    { keys: 'j', does: { en: 'Next line', zh: '下一行' }, run: () => move(1) },
    { keys: 'k', does: { en: 'Line before', zh: '上一行' }, run: () => move(-1) },
    {
      keys: 'Escape',
      does: { en: 'Choose no line', zh: '取消选择' },
      run: () => onChange({ line: undefined, step: undefined }),
    },
  ]);
  const choose = useCallback((one: Line) => onChange({ line: one.number }), [onChange]);
  const count = `${matches.length}${hasNextPage ? '+' : ''}`;
  const where = found.isPending ? said.searching : place >= 0 ? `${place + 1} / ${count}` : count;
  return (
    <>
      <Bar field={field} view={view} ranks={ranks} place={where} onChange={onChange} onMatch={go}>
        {isFiltered ? said.aboutOf(count, total) : said.about(total)}
      </Bar>
      {total === 0 && <p className={css.about}>{said.noRank(view.rank)}</p>}
      {isFiltered && !found.isPending && !hasNextPage && !matches.length && (
        <p className={css.about}>{said.none}</p>
      )}
      {isFiltered ? (
        matches.length > 0 && (
          <Lines
            count={matches.length}
            lineAt={(index) => matches[index]}
            at={place < 0 ? undefined : place}
            startsAtEnd={source.isLive}
            search={search}
            onFirst={setFirst}
            onChoose={choose}
          />
        )
      ) : (
        <Whole
          source={source}
          total={total}
          line={line}
          first={first}
          search={search}
          onFirst={setFirst}
          onChoose={choose}
        />
      )}
      {line !== undefined && (
        <OfLine
          source={source}
          line={line}
          total={total}
          onClose={() => onChange({ line: undefined, step: undefined })}
        />
      )}
    </>
  );
}

function OfLine({
  source,
  line,
  total,
  onClose,
}: {
  source: Source;
  line: number;
  total: number;
  onClose: () => void;
}) {
  const found = useLines(source, line, total).find((one) => one.number === line);
  return found ? <Chosen run={source.run} line={found} onClose={onClose} /> : null;
}
