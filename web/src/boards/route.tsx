/** Boards: the tasks that there are, each with its best entry. */
import { useState } from 'react';
import { useBoards } from '~/shared/api/boards';
import { may, useSession } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import css from '~/shared/page/page.module.css';
import { Links } from '~/shared/page/Links';
import { PageHead } from '~/shared/page/PageHead';
import { NewBoard } from './NewBoard';
import { words } from './strings';

const MAKE = 'whet boards make digits --title "Digits" --metric loss --like RUN --frozen data';

export default function Boards() {
  const said = useStrings(words);
  const found = useBoards();
  const mayMake = may(useSession().data, 'editor');
  const [isMaking, setMaking] = useState(false);
  return (
    <div className={css.page}>
      <PageHead title={said.title} about={said.about}>
        {mayMake && (
          <Button kind="accent" icon="add" onClick={() => setMaking(true)}>
            {said.make}
          </Button>
        )}
      </PageHead>
      {isMaking && <NewBoard onClose={() => setMaking(false)} />}
      {found.isPending && <Loading />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty title={said.empty} command={MAKE}>
          {said.emptyAbout}
        </Empty>
      )}
      {!!found.data?.length && (
        <Links
          all={found.data.map(({ id, title, entries }) => ({
            id,
            to: `/boards/${id}`,
            name: title,
            about: (
              <>
                <span>{said.entries(entries.length)}</span>
                {entries[0] && (
                  <span>
                    {said.best} {figure(entries[0].score)} · {entries[0].run}
                  </span>
                )}
              </>
            ),
          }))}
        />
      )}
      <Command line="whet boards list" />
    </div>
  );
}
