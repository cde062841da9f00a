/** The audit log: what was changed, by whom, from where, and what came of it. */
import { Button } from '~/shared/controls/Button';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { useAudit } from './queries';
import { words } from './strings';

export function Audit() {
  const said = useStrings(words);
  const found = useAudit();
  const entries = found.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <section>
      <h2>{said.audit}</h2>
      <p>{said.auditAbout}</p>
      {found.isPending && <Loading rows={4} />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      <PlainTable label={said.audit}>
        <thead>
          <tr>
            <th>{said.when}</th>
            <th>{said.who}</th>
            <th>{said.action}</th>
            <th>{said.outcome}</th>
            <th>{said.from}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id} data-bad={entry.status >= 400 || undefined}>
              <td>
                <Time time={entry.time} />
              </td>
              <td>{entry.person || '–'}</td>
              <td>
                <code>{entry.action}</code>
              </td>
              <td>{entry.status}</td>
              <td>{entry.address}</td>
            </tr>
          ))}
        </tbody>
      </PlainTable>
      {found.hasNextPage && <Button onClick={() => void found.fetchNextPage()}>{said.earlier}</Button>}
    </section>
  );
}
