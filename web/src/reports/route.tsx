/** Reports: what was written about runs. */
import { Link, useNavigate } from '@tanstack/react-router';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { tellFailure } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { useReports, useWriting } from '~/shared/report/queries';
import { Empty, Failure, Loading } from '~/shared/states/States';
import css from './reports.module.css';
import { words } from './strings';

export default function Reports() {
  const said = useStrings(words);
  const found = useReports();
  const { make } = useWriting();
  const navigate = useNavigate();
  const add = () =>
    make({ title: said.untitled, blocks: [{ kind: 'text', text: '' }] }).then(
      (report) => void navigate({ to: `/reports/${report.id}`, search: { edit: '1' } as never }),
      tellFailure,
    );
  return (
    <div className={css.page}>
      <header className={css.head}>
        <div>
          <h1>{said.title}</h1>
          <p>{said.about}</p>
        </div>
        <Button icon="add" kind="accent" onClick={() => void add()}>
          {said.add}
        </Button>
      </header>
      {found.isPending && <Loading />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty title={said.empty} command="whet reports add report.json">
          {said.emptyAbout}
        </Empty>
      )}
      {!!found.data?.length && (
        <ul className={css.list}>
          {found.data.map((report) => (
            <li key={report.id}>
              <Link to={`/reports/${report.id}`} className={css.report}>
                <b>{report.title}</b>
                <span>{report.author}</span>
                <Time time={report.changed} />
              </Link>
            </li>
          ))}
        </ul>
      )}
      <Command line="whet reports list" />
    </div>
  );
}
