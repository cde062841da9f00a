/** A table that was logged. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import css from './media.module.css';
import type { PartProps } from './part';
import { useText } from './queries';
import { words } from './strings';
import { type Cell, cellsOf } from './tables';

const MOST = 200;

export function TableOf({ run, name, entry, show }: PartProps) {
  const said = useStrings(words);
  const found = useText(run, String(entry.path));
  if (found.isPending) return <Loading rows={4} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const cells = cellsOf(found.data);
  if (!cells) return <p className={css.quiet}>{said.noTable}</p>;
  const shown = cells.rows.slice(0, MOST);
  return (
    <>
      <div className={css.scroll} role="group" aria-label={name} tabIndex={0}>
        <table className={css.table}>
          <thead>
            <tr>
              {cells.columns.map((column, index) => (
                <th key={index}>{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={index}>
                {row.map((cell, place) => (
                  <td key={place} data-number={isNumber(cell) || undefined}>
                    {typeof cell === 'object' ? show(cell, `${name} ${cells.columns[place]}`) : written(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < cells.rows.length && (
        <p className={css.quiet}>{said.rowsShown(shown.length, cells.rows.length)}</p>
      )}
    </>
  );
}

const isNumber = (cell: Cell): boolean =>
  typeof cell === 'string' && /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(cell);
const written = (cell: string): string => (isNumber(cell) ? figure(Number(cell)) : cell);
