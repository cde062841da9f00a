/** One board: its task, the entries by what they reached, their curves, and how to do each again. */
import { useParams } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { type Board, useBoard } from '~/shared/api/boards';
import { may, useSession } from '~/shared/api/session';
import { Chart } from '~/shared/chart/Chart';
import { ChartGroup } from '~/shared/chart/Group';
import { numbers } from '~/shared/chart/curve';
import type { Window } from '~/shared/chart/gestures';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { PageHead } from '~/shared/page/PageHead';
import css from './board.module.css';
import { Enter } from './Enter';
import { Entries } from './Entries';
import { Settings } from './Settings';
import { words } from './strings';

const Markdown = lazy(() => import('react-markdown'));
// So many curves are told apart in a chart.
const DRAWN = 12;

export default function BoardPage() {
  const { board: id = '' } = useParams({ strict: false }) as { board?: string };
  const said = useStrings(words);
  const found = useBoard(id);
  const session = useSession();
  const [isEntering, setEntering] = useState(false);
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const board = found.data;
  const mayEnter = may(session.data, 'editor');
  return (
    <div className={css.page}>
      <PageHead title={board.title} about={said.order(board.metric, board.is_lower_better)}>
        {mayEnter && (
          <Button kind="accent" icon="add" onClick={() => setEntering(true)}>
            {said.enter}
          </Button>
        )}
      </PageHead>
      {board.about && (
        <Suspense fallback={<p>{board.about}</p>}>
          <div className={css.about}>
            <Markdown>{board.about}</Markdown>
          </div>
        </Suspense>
      )}
      <Frozen board={board} />
      {board.entries.length ? (
        <>
          <Entries board={board} mayWithdraw={mayEnter} />
          <Curves board={board} />
        </>
      ) : (
        <Empty title={said.empty} command={`whet boards enter ${board.id} RUN`} />
      )}
      <Command line={`whet boards show ${board.id}`} />
      {isEntering && <Enter board={board} onClose={() => setEntering(false)} />}
    </div>
  );
}

function Frozen({ board }: { board: Board }) {
  const said = useStrings(words);
  const entries = Object.entries(board.frozen);
  if (!entries.length) return null;
  return (
    <section>
      <h2 className={css.small}>{said.frozen}</h2>
      <Settings told={entries} label={said.frozen} />
    </section>
  );
}

function Curves({ board }: { board: Board }) {
  const [window, setWindow] = useState<Window | null>(null);
  const charts = useMemo(
    () =>
      board.curves.map((name) => ({
        name,
        series: board.entries.slice(0, DRAWN).flatMap((entry, color) => {
          const kept = entry.curves[name];
          if (!kept) return [];
          const curve = {
            first: numbers(kept.first),
            last: numbers(kept.last),
            low: numbers(kept.low),
            high: numbers(kept.high),
            mean: numbers(kept.mean),
            odd: [],
            unit: 'step',
          };
          return [{ id: entry.run, label: entry.run, curve, color }];
        }),
      })),
    [board],
  );
  return (
    <ChartGroup name={`board ${board.id}`} window={window} onWindow={setWindow}>
      <div className={css.charts}>
        {charts.map(({ name, series }) => (
          <Chart key={name} title={name} series={series} height={240} />
        ))}
      </div>
    </ChartGroup>
  );
}
