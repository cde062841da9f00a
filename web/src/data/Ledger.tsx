/** Rows that were skipped, cut or dropped as duplicates: how many of each reason, and each of them. */
import { Button } from '~/shared/controls/Button';
import { Find } from '~/shared/controls/Inline';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading, Partial } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import css from './data.module.css';
import { useLedger } from './queries';
import { actions, reasons, wordOf } from './reasons';
import { words } from './strings';

interface Props {
  run: string;
  search: string;
  onSearch: (q: string) => void;
}

export function Ledger({ run, search, onSearch }: Props) {
  const said = useStrings(words);
  const [does, why] = [useStrings(actions), useStrings(reasons)];
  const found = useLedger(run, search);
  if (found.isPending) return <Loading rows={3} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { rows, total, counts } = found.data;
  const all = counts.reduce((sum, one) => sum + one.count, 0);
  return (
    <section>
      <h2>{said.ledger}</h2>
      {!all && !search && <p>{said.ledgerEmpty}</p>}
      {(all > 0 || search) && (
        <>
          <p>{said.ledgerAbout(figure(all))}</p>
          <div className={css.bar}>
            <Button pressed={!search} onClick={() => onSearch('')}>
              {said.all}
            </Button>
            {counts.map((one) => (
              <Button
                key={`${one.action} ${one.reason}`}
                pressed={search === one.reason}
                onClick={() => onSearch(search === one.reason ? '' : one.reason)}
              >
                {wordOf(does, one.action)}: {wordOf(why, one.reason)} <b>{figure(one.count)}</b>
              </Button>
            ))}
            <Find label={said.ledgerFind} value={search} onChange={onSearch} />
          </div>
          {rows.length < total && <Partial>{said.partial(figure(rows.length), figure(total))}</Partial>}
          {!rows.length && <p className={css.quiet}>{said.ledgerNone}</p>}
        </>
      )}
      {rows.length > 0 && (
        <PlainTable label={said.ledger} form="tall">
          <thead>
            <tr>
              <th>{said.action}</th>
              <th>{said.reason}</th>
              <th>{said.source}</th>
              <th data-number>{said.row}</th>
              <th>{said.detail}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                <td title={row.action}>{wordOf(does, row.action)}</td>
                <td title={row.reason}>{wordOf(why, row.reason)}</td>
                <td title={row.source}>{row.source.split('/').at(-1)}</td>
                <td data-number>{row.row}</td>
                <td className={css.detail}>{row.detail}</td>
              </tr>
            ))}
          </tbody>
        </PlainTable>
      )}
    </section>
  );
}
