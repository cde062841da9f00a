/** The registry: each model by its newest version, with its aliases, figures and size; or all versions. */
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { type VersionList, type VersionRow, useModels } from '~/shared/api/registry';
import { may, useSession } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { figureNames, ordered } from '~/shared/registry/figures';
import { kinds } from '~/shared/registry/strings';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { ColumnChooser } from '~/shared/table/ColumnChooser';
import { FilterInput } from '~/shared/table/FilterInput';
import { Table } from '~/shared/table/Table';
import { columnOf, headOf } from './columns';
import { NewVersion } from './NewVersion';
import css from './registry.module.css';
import { words } from './strings';
import { type View, commandOf, useView } from './view';

const FIGURES = 4;
const keyOf = (row: VersionRow) => `${row.name}/${row.version}`;

/** The rows of a view. A filter that is wrong leaves those of the last one that was not. */
function useListed(view: View) {
  const found = useModels({ filter: view.filter || undefined, versions: view.isEvery || undefined });
  const good = useRef<VersionList | undefined>(undefined);
  if (found.data) good.current = found.data;
  const isWrong = found.error instanceof ApiError && found.error.status === 400;
  return { ...found, data: found.data ?? (isWrong ? good.current : undefined), isWrong };
}

export default function Registry() {
  const [own, named] = [useStrings(words), useStrings(kinds)];
  const said = useMemo(() => ({ ...named, ...own }), [own, named]);
  const navigate = useNavigate();
  const [view, change] = useView();
  const found = useListed(view);
  const [isAdding, setAdding] = useState(false);
  const mayAdd = may(useSession().data, 'editor');
  const adding = isAdding && (
    <NewVersion
      models={[...new Set((found.data?.versions ?? []).map((one) => one.name))]}
      onClose={() => setAdding(false)}
    />
  );
  useKeys([
    { keys: '/', does: { en: 'Filter', zh: '筛选' }, run: () => document.getElementById('filter')?.focus() },
  ]);
  const all = found.data?.versions;
  const rows = useMemo(() => ordered(all ?? [], view.sort), [all, view.sort]);
  const shown = view.columns.length
    ? view.columns
    : [
        'name',
        'version',
        'alias',
        ...figureNames(all ?? [], FIGURES),
        'kind',
        'bytes',
        'run',
        'created',
        'by',
      ];
  if (found.isPending) return <Loading rows={12} />;
  if (found.isError && !found.isWrong && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data?.total === 0 && !view.filter) {
    return (
      <Empty title={said.empty} command="whet registry add RUN --name chat --alias candidate">
        {said.emptyAbout} {mayAdd && <Button onClick={() => setAdding(true)}>{said.add}</Button>}
        {adding}
      </Empty>
    );
  }
  return (
    <div className={css.page}>
      <h1 className="hidden">{said.title}</h1>
      <div className={css.bar}>
        <FilterInput
          value={view.filter}
          onChange={(filter) => change({ filter })}
          names={found.data?.names ?? []}
          values={known(rows)}
          error={found.error}
          example='accuracy > 0.8 and kind == "adapter"'
        />
        <Button pressed={view.isEvery} onClick={() => change({ isEvery: !view.isEvery })}>
          {said.every}
        </Button>
        <ColumnChooser
          chosen={shown}
          names={found.data?.names ?? []}
          nameOf={(id) => headOf(id, said)}
          onChange={(columns) => change({ columns })}
        />
        {mayAdd && (
          <Button kind="accent" icon="add" onClick={() => setAdding(true)}>
            {said.add}
          </Button>
        )}
        {adding}
      </div>
      {found.data?.total === 0 ? (
        <Empty title={said.none}>
          {said.noneAbout} <Button onClick={() => change({ filter: '' })}>{said.clear}</Button>
        </Empty>
      ) : (
        <Table
          name="registry"
          label={said.title}
          rows={rows}
          rowKey={keyOf}
          columns={shown.map((id) => columnOf(id, said))}
          sort={view.sort}
          onSort={(sort) => change({ sort })}
          onOrder={(columns) => change({ columns })}
          onOpen={(row) => void navigate({ to: `/registry/${encodeURIComponent(row.name)}` })}
        />
      )}
      <div className={css.foot}>
        <span>{said.about(rows.length, found.data?.total ?? rows.length)}</span>
        <Command line={commandOf(view)} />
      </div>
    </div>
  );
}

/** Values that rows have, to complete a filter with. */
function known(rows: readonly VersionRow[]): Record<string, string[]> {
  const values = (name: keyof VersionRow) =>
    [...new Set(rows.map((row) => String(row[name] ?? '')).filter(Boolean))].slice(0, 50);
  return {
    name: values('name'),
    kind: Object.keys(kinds),
    run: values('run'),
    base: values('base'),
    alias: [...new Set(rows.flatMap((row) => row.alias))],
  };
}
