/** The runs table: what was run, with what, and how it ended. */
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { type RunList, type RunRow, type RunsQuery, useLiveRuns, useRuns } from '~/shared/api/runs';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { useStatusWord } from '~/shared/status/StatusBadge';
import { Table } from '~/shared/table/Table';
import { listed } from '~/shared/url/search';
import { Bar } from './Bar';
import { columnOf } from './columns';
import css from './runs.module.css';
import { Selection } from './Selection';
import { words } from './strings';
import { OWN, type View, commandOf, useView } from './view';

const keyOf = (row: RunRow) => row.name;

function queryOf(view: View): RunsQuery {
  const columns = [...view.columns, view.group].filter((id) => id && !OWN.includes(id));
  return {
    filter: view.filter || undefined,
    sort: view.sort || undefined,
    columns: columns.join(',') || undefined,
    archived: view.archived || undefined,
    spark: view.columns.includes('spark') || undefined,
    limit: 10_000,
  };
}

/** The runs of a view. A filter that is wrong leaves those of the last one that was not. */
function useListed(view: View) {
  const query = queryOf(view);
  const found = useRuns(query);
  useLiveRuns(query);
  const good = useRef<RunList | undefined>(undefined);
  if (found.data) good.current = found.data;
  const isWrong = found.error instanceof ApiError && found.error.status === 400;
  return { ...found, data: found.data ?? (isWrong ? good.current : undefined), isWrong };
}

export default function Runs() {
  const said = useStrings(words);
  const statusWord = useStatusWord();
  const navigate = useNavigate();
  const [view, change] = useView();
  const found = useListed(view);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => found.data?.runs ?? [], [found.data]);
  // What runs are grouped by stands at the head of each group.
  const columns = useMemo(
    () => view.columns.filter((id) => id !== view.group).map((id) => columnOf(id, said)),
    [view.columns, view.group, said],
  );
  const chosen = rows.filter((row) => selected.has(row.name));
  const compare = () => {
    if (chosen.length > 1)
      void navigate({ to: '/compare', search: { runs: listed(chosen.map(keyOf)) } as never });
  };
  useKeys([
    { keys: 'c', does: { en: 'Compare the selected runs', zh: '对比所选实验' }, run: compare },
    { keys: '/', does: { en: 'Filter', zh: '筛选' }, run: () => document.getElementById('filter')?.focus() },
  ]);
  const values = useMemo(() => known(rows), [rows]);
  if (found.isPending) return <Loading rows={12} />;
  if (found.isError && !found.isWrong && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data?.total === 0 && !view.filter) {
    return (
      <Empty title={said.empty} command="whet train --model Qwen/Qwen3-0.6B --data chat.jsonl">
        {said.emptyHint}
      </Empty>
    );
  }
  const group = view.group;
  return (
    <div className={css.runs}>
      <h1 className="hidden">{said.title}</h1>
      <Bar
        view={view}
        onChange={change}
        names={found.data?.names ?? []}
        values={values}
        error={found.error}
      />
      {found.data?.total === 0 ? (
        <Empty title={said.none}>
          {said.noneHint} <Button onClick={() => change({ filter: '' })}>{said.clear}</Button>
        </Empty>
      ) : (
        <Table
          name="runs"
          label={said.title}
          rows={rows}
          rowKey={keyOf}
          columns={columns}
          sort={view.sort}
          onSort={(sort) => change({ sort })}
          onOrder={(ids) => change({ columns: ids })}
          selected={selected}
          onSelected={setSelected}
          onOpen={(row) => void navigate({ to: '/runs/$run/{-$tab}', params: { run: row.name } as never })}
          groupOf={group ? (row) => groupOf(row, group) : undefined}
          groupHead={(name, part) => (
            <>
              <span>{group === 'status' ? statusWord(name as RunRow['status']) : name || said.without}</span>
              <small className={css.groupAbout}>{aggregate(part, said)}</small>
            </>
          )}
        />
      )}
      <div className={css.foot}>
        <span>{said.about(rows.length, found.data?.total ?? rows.length)}</span>
        <Command line={commandOf(view)} />
      </div>
      {chosen.length > 0 && (
        <Selection rows={chosen} onClear={() => setSelected(new Set())} onCompare={compare} />
      )}
    </div>
  );
}

function groupOf(row: RunRow, name: string): string {
  const value = row[name];
  if (Array.isArray(value)) return value.join(', ');
  return value === null || value === undefined ? '' : String(value);
}

function aggregate(
  rows: readonly RunRow[],
  said: { about: (shown: number, total: number) => string; best: (loss: string) => string },
): string {
  const losses = rows.map((row) => real(row.loss)).filter(Number.isFinite);
  const count = said.about(rows.length, rows.length);
  return losses.length ? `${count} · ${said.best(figure(Math.min(...losses)))}` : count;
}

/** Values that rows have, to complete a filter with. */
function known(rows: readonly RunRow[]): Record<string, string[]> {
  const values = (name: string) =>
    [...new Set(rows.map((row) => String(row[name] ?? '')).filter(Boolean))].slice(0, 50);
  return {
    status: ['running', 'done', 'stopped', 'failed', 'killed'],
    project: values('project'),
    group: values('group'),
    name: values('name'),
    tag: [...new Set(rows.flatMap((row) => row.tags))],
  };
}
