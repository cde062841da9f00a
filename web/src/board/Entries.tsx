/** The entries of a board, the best first; one can be opened to see how it was done. */
import { Link } from '@tanstack/react-router';
import { Fragment, useState } from 'react';
import { type Board, type Entry, useEntering } from '~/shared/api/boards';
import { Button, IconButton } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { duration, figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import css from './board.module.css';
import { Settings } from './Settings';
import { words } from './strings';

export function Entries({ board, mayWithdraw }: { board: Board; mayWithdraw: boolean }) {
  const said = useStrings(words);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <PlainTable label={said.entries}>
      <thead>
        <tr>
          <th>{said.place}</th>
          <th>{said.run}</th>
          <th data-number>{board.metric}</th>
          <th data-number>{said.step}</th>
          <th data-number>{said.duration}</th>
          <th data-number>{said.energy}</th>
          <th data-number>{said.cost}</th>
          <th>{said.hardware}</th>
          <th>{said.entered}</th>
          <th aria-label={said.command} />
        </tr>
      </thead>
      <tbody>
        {board.entries.map((entry, index) => (
          <Fragment key={entry.run}>
            <tr data-first={index === 0 || undefined}>
              <td>{index + 1}</td>
              <td>
                {mayWithdraw ? (
                  <Link to="/runs/$run/{-$tab}" params={{ run: entry.run } as never}>
                    {entry.run}
                  </Link>
                ) : (
                  entry.run
                )}
              </td>
              <td data-number>{figure(entry.score)}</td>
              <td data-number>{entry.step ?? '–'}</td>
              <td data-number>{duration(entry.duration_s)}</td>
              <td data-number>{entry.energy_j === null ? '–' : `${figure(entry.energy_j)} J`}</td>
              <td data-number>{entry.cost === null ? '–' : figure(entry.cost)}</td>
              <td title={entry.hardware}>{entry.hardware || '–'}</td>
              <td>
                <Time time={entry.entered} />
              </td>
              <td>
                <IconButton
                  icon={open === entry.run ? 'down' : 'right'}
                  label={said.command}
                  aria-expanded={open === entry.run}
                  onClick={() => setOpen(open === entry.run ? null : entry.run)}
                />
              </td>
            </tr>
            {open === entry.run && (
              <tr>
                <td colSpan={10} data-whole>
                  <How board={board} entry={entry} mayWithdraw={mayWithdraw} />
                </td>
              </tr>
            )}
          </Fragment>
        ))}
      </tbody>
    </PlainTable>
  );
}

function How({ board, entry, mayWithdraw }: { board: Board; entry: Entry; mayWithdraw: boolean }) {
  const said = useStrings(words);
  const { enter, withdraw } = useEntering(board.id);
  const own = Object.entries(entry.config);
  const away = () =>
    withdraw(entry.run).then(
      () =>
        tell(`${said.withdraw}: ${entry.run}`, () => void enter(entry.run, entry.note).catch(tellFailure)),
      tellFailure,
    );
  return (
    <div className={css.how}>
      {entry.note && <p>{entry.note}</p>}
      {entry.command ? (
        <p className={css.command}>
          <code>{entry.command}</code>
          <CopyButton text={entry.command} />
        </p>
      ) : (
        <p className={css.small}>{said.commandNone}</p>
      )}
      {own.length > 0 && (
        <details>
          <summary>{said.settings(own.length)}</summary>
          <Settings told={own} />
        </details>
      )}
      <p className={css.small}>
        {[entry.by, entry.commit.slice(0, 12)].filter(Boolean).join(' · ')}
        {mayWithdraw && <Button onClick={() => void away()}>{said.withdraw}</Button>}
      </p>
    </div>
  );
}
