/** Reports: what was written about runs. */
import { useNavigate } from '@tanstack/react-router';
import { may, useSession } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { tellFailure } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { useReports, useWriting } from '~/shared/report/queries';
import { Empty, Failure, Loading } from '~/shared/states/States';
import css from '~/shared/page/page.module.css';
import { Links } from '~/shared/page/Links';
import { PageHead } from '~/shared/page/PageHead';
import { words } from './strings';

export default function Reports() {
  const said = useStrings(words);
  const found = useReports();
  const { make } = useWriting();
  const navigate = useNavigate();
  const mayWrite = may(useSession().data, 'editor');
  const add = () =>
    make({ title: said.untitled, blocks: [{ kind: 'text', text: '' }] }).then(
      (report) => void navigate({ to: `/reports/${report.id}`, search: { edit: '1' } as never }),
      tellFailure,
    );
  return (
    <div className={css.page}>
      <PageHead title={said.title} about={said.about}>
        {mayWrite && (
          <Button icon="add" kind="accent" onClick={() => void add()}>
            {said.add}
          </Button>
        )}
      </PageHead>
      {found.isPending && <Loading />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty title={said.empty} command="whet reports add report.json">
          {said.emptyAbout}
        </Empty>
      )}
      {!!found.data?.length && (
        <Links
          all={found.data.map(({ id, title, author, changed }) => ({
            id,
            to: `/reports/${id}`,
            name: title,
            about: (
              <>
                <span>{author}</span>
                <Time time={changed} />
              </>
            ),
          }))}
        />
      )}
      <Command line="whet reports list" />
    </div>
  );
}
