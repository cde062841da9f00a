/** The rows of a step, the highest loss first, with what stands in their sources. */
import { useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { type StepRows, useRows } from './queries';
import css from './samples.module.css';
import { words } from './strings';

const OWN = new Set([
  'rank', 'source', 'row', 'part', 'sample', 'batch', 'tokens', 'loss', 'digest', 'text',
]); // prettier-ignore

export function Rows({ run, step }: { run: string; step: number }) {
  const said = useStrings(words);
  const found = useRows(run, step);
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError) {
    const isNone = found.error instanceof ApiError && found.error.status === 404;
    return isNone ? (
      <Empty title={said.empty}>{said.emptyHint}</Empty>
    ) : (
      <Failure error={found.error} onRetry={() => void found.refetch()} />
    );
  }
  const { rows, total, epoch } = found.data;
  return (
    <section>
      <h2>{said.rows}</h2>
      <p>{said.rowsAbout(total, figure(real(epoch)))}</p>
      <Table key={step} rows={rows} isReading={found.isReading} />
      {rows.length < total && <Partial>{said.moreRows(total - rows.length)}</Partial>}
    </section>
  );
}

function Table({ rows, isReading }: { rows: StepRows['rows']; isReading: boolean }) {
  const said = useStrings(words);
  const [open, setOpen] = useState<number | null>(null);
  const more = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !OWN.has(name));
  const several = new Set(rows.map((row) => row.rank)).size > 1;
  return (
    <PlainTable label={said.rows} form="tall">
      <thead>
        <tr>
          <th data-number>{said.loss}</th>
          {more.map((name) => (
            <th key={name} data-number>
              {name}
            </th>
          ))}
          <th data-number>{said.tokens}</th>
          {several && <th>{said.rank}</th>}
          <th>{said.source}</th>
          <th data-number>{said.row}</th>
          <th>{said.text}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            <td data-number>{figure(real(row.loss))}</td>
            {more.map((name) => (
              <td key={name} data-number>
                {figure(real((row as Record<string, unknown>)[name]))}
              </td>
            ))}
            <td data-number>{row.tokens ?? '–'}</td>
            {several && <td>{row.rank.replace(/^r(?=\d)/, '')}</td>}
            <td title={row.source}>{row.source.split('/').at(-1)}</td>
            <td data-number>{row.part ? `${row.row}.${row.part}` : row.row}</td>
            <td className={css.text}>
              {row.text === null ? (
                <i>{isReading ? said.reading : said.noText}</i>
              ) : (
                <button
                  type="button"
                  className={css.whole}
                  aria-expanded={open === index}
                  onClick={() => setOpen(open === index ? null : index)}
                >
                  {row.text}
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </PlainTable>
  );
}
