/** Boards: the tasks that there are, each with its best entry. */
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useBoards } from '~/shared/api/boards';
import { may, useSession } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import css from './boards.module.css';
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
      <header>
        <div>
          <h1>{said.title}</h1>
          <p>{said.about}</p>
        </div>
        {mayMake && (
          <Button kind="accent" icon="add" onClick={() => setMaking(true)}>
            {said.make}
          </Button>
        )}
      </header>
      {isMaking && <NewBoard onClose={() => setMaking(false)} />}
      {found.isPending && <Loading />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty title={said.empty} command={MAKE}>
          {said.emptyAbout}
        </Empty>
      )}
      {!!found.data?.length && (
        <ul className={css.list}>
          {found.data.map((board) => (
            <li key={board.id}>
              <Link to={`/boards/${board.id}`} className={css.board}>
                <b>{board.title}</b>
                <span>{said.entries(board.entries.length)}</span>
                {board.entries[0] && (
                  <span>
                    {said.best} {figure(board.entries[0].score)} · {board.entries[0].run}
                  </span>
                )}
              </Link>
            </li>
          ))}
        </ul>
      )}
      <Command line="whet boards list" />
    </div>
  );
}
