/** A table of ten thousand rows, with filter, selection and columns that can be moved. */
import { useMemo, useState } from 'react';
import { Spark } from '~/shared/chart/Spark';
import { figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { StatusBadge } from '~/shared/status/StatusBadge';
import type { Column } from '~/shared/table/columns';
import { FilterInput } from '~/shared/table/FilterInput';
import { Table } from '~/shared/table/Table';
import css from './kitchen.module.css';
import { type MadeRow, madeRows } from './made';
import { words } from './strings';

const NAMES = ['name', 'status', 'loss', 'started', 'optimizer.kind', 'my metric'];
const VALUES = { status: ['running', 'done', 'failed', 'killed'] };

export function TablePart() {
  const said = useStrings(words);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [sort, setSort] = useState('');
  const [filter, setFilter] = useState('');
  const [isGrouped, setGrouped] = useState(false);
  const [order, setOrder] = useState(['name', 'status', 'loss', 'curve', 'started']);
  const rows = useMemo(() => madeRows(10_000), []);
  const columns: Record<string, Column<MadeRow>> = {
    name: { id: 'name', head: said.name, width: 220, sortable: true, cell: (row) => row.name },
    status: {
      id: 'status',
      head: said.status,
      width: 120,
      sortable: true,
      cell: (row) => <StatusBadge status={row.status} />,
    },
    loss: {
      id: 'loss',
      head: said.loss,
      width: 100,
      align: 'right',
      sortable: true,
      cell: (row) => figure(row.loss),
    },
    curve: {
      id: 'curve',
      head: said.curve,
      width: 120,
      cell: (row) => <Spark values={row.spark} label={said.curve} />,
    },
    started: { id: 'started', head: said.started, width: 160, cell: (row) => <Time time={row.started} /> },
  };
  return (
    <section className={css.part}>
      <h2>{said.table}</h2>
      <div className={css.line}>
        <FilterInput value={filter} onChange={setFilter} names={NAMES} values={VALUES} />
        <Button pressed={isGrouped} onClick={() => setGrouped(!isGrouped)}>
          {said.group}
        </Button>
      </div>
      <div className={css.table}>
        <Table
          name="kitchen"
          label={said.table}
          rows={rows}
          rowKey={(row) => row.name}
          columns={order.flatMap((id) => columns[id] ?? [])}
          sort={sort}
          onSort={setSort}
          onOrder={setOrder}
          selected={selected}
          onSelected={setSelected}
          groupOf={isGrouped ? (row) => row.status : undefined}
          groupHead={(name, part) => `${name} · ${part.length}`}
        />
      </div>
    </section>
  );
}
