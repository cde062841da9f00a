/** Requests of a served model: a list with a filter, one of them whole, and how they drift. */
import { ApiError } from '~/shared/api/client';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { FilterInput } from '~/shared/table/FilterInput';
import { Table } from '~/shared/table/Table';
import { useAddress } from '~/shared/url/search';
import { columnsOf } from './columns';
import { DriftTable } from './DriftTable';
import { ExportMenu } from './ExportMenu';
import { One } from './One';
import { useRequests } from './queries';
import css from './requests.module.css';
import { ScoreCurves } from './ScoreCurves';
import { words } from './strings';

export default function Requests() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const isLive = useRun(run).data?.status === 'running';
  const filter = address.filter ?? '';
  const sort = address.sort ?? '';
  const found = useRequests(run, filter, sort, isLive && !address.request);
  const isWrong = found.error instanceof ApiError && found.error.status === 400;
  const command = <Command line={`whet show ${quoted(run)} --part requests`} />;
  if (address.request)
    return (
      <div className={css.page}>
        <One run={run} id={address.request} onBack={() => change({ request: undefined }, { push: true })} />
        {command}
      </div>
    );
  if (found.isPending) return <Loading rows={8} later={said.reading} />;
  if (found.isError && !isWrong) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const rows = found.data?.requests ?? [];
  if (!rows.length && !filter)
    return (
      <Empty title={said.empty} command="whet serve MODEL --record PROJECT">
        {said.emptyHint}
      </Empty>
    );
  const names = found.data?.names ?? [];
  const scores = names.filter((name) => name.startsWith('score.')).map((name) => name.slice('score.'.length));
  const open = (id: string) => change({ request: id }, { push: true });
  return (
    <div className={css.page}>
      <p className={css.quiet}>{said.about}</p>
      <FilterInput
        value={filter}
        onChange={(text) => change({ filter: text || undefined })}
        names={names}
        error={found.error}
        example='status == "error" or first_token_s > 2'
      />
      {rows.length > 0 ? (
        <div className={css.table}>
          <Table
            name="requests"
            label={said.label}
            rows={rows}
            rowKey={(row) => row.id}
            columns={columnsOf(said, scores, (row) => open(row.id))}
            sort={sort}
            onSort={(next) => change({ sort: next || undefined })}
            onOpen={(row) => open(row.id)}
          />
        </div>
      ) : (
        <p className={css.quiet}>{said.none}</p>
      )}
      <div className={css.below}>
        <p className={css.quiet}>{said.total(rows.length, found.data?.total ?? 0)}</p>
        {rows.length > 0 && <ExportMenu run={run} filter={isWrong ? '' : filter} />}
      </div>
      <section>
        <h2>{said.scores}</h2>
        <ScoreCurves run={run} filter={isWrong ? '' : filter} />
      </section>
      <section>
        <h2>{said.drift}</h2>
        <DriftTable run={run} filter={isWrong ? '' : filter} />
      </section>
      {command}
    </div>
  );
}
