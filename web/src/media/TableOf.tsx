/** A table that was logged. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import css from './media.module.css';
import { useText } from './queries';
import type { PartProps } from './Shown';
import { words } from './strings';
import { cellsOf } from './tables';

const MOST = 200;

export function TableOf({ run, name, entry }: PartProps) {
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
                    {isNumber(cell) ? figure(Number(cell)) : cell}
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

const isNumber = (cell: string): boolean => /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(cell);
