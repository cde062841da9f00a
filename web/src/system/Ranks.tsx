/** Ranks as a heat map: a line a rank, columns of steps; a slow one stands out, and is said. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { type Answered, answer, api } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { Pick } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { HeatMap } from './HeatMap';
import { apart, scaleOf } from './matrix';
import { placed, useMesh } from './mesh';
import css from './system.module.css';
import { words } from './strings';

type Matrix = Answered<'/api/v1/runs/{run}/ranks'>;

const COLUMNS = 160;
const AGAIN_MS = 10_000;
const FIRST = ['forward_s', 'seconds', 'wait_s', 'loss'];

export function Ranks({ run, names, isLive }: { run: string; names: readonly string[]; isLive: boolean }) {
  const said = useStrings(words);
  const [address, change] = useAddress();
  const chosen = names.find((name) => name === address.ranks);
  const name = chosen ?? FIRST.find((one) => names.includes(one)) ?? names[0];
  const found = useQuery({
    queryKey: ['run', run, 'ranks', name],
    enabled: name !== undefined,
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { name: name ?? '', most: COLUMNS } };
      return answer<Matrix>(api.GET('/api/v1/runs/{run}/ranks', { params, signal }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? AGAIN_MS : false,
  });
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  // One rank alone has nobody to differ from.
  if (!found.data || (found.data.ranks.length < 2 && chosen === undefined)) return null;
  return (
    <section id="ranks">
      <h2>{said.ranks}</h2>
      <p>{said.ranksAbout}</p>
      <Pick label={said.metric} value={name ?? ''} options={names} onChange={(ranks) => change({ ranks })} />
      <Drawn run={run} matrix={found.data} />
    </section>
  );
}

function Drawn({ run, matrix }: { run: string; matrix: Matrix }) {
  const said = useStrings(words);
  const navigate = useNavigate();
  const cells = useMemo(() => {
    const values = matrix.means.map((row) => row.map(real));
    return { ranks: matrix.ranks, edges: matrix.edges, values, scale: scaleOf(values) };
  }, [matrix]);
  const odd = useMemo(() => apart(cells.values), [cells]);
  const mesh = useMesh(run).data;
  const nameOf = (rank: number) => placed(rank, mesh);
  return (
    <>
      {odd && (
        <p className={css.apart}>
          {said.apart(nameOf(cells.ranks[odd.place] ?? 0), figure(odd.mean), figure(odd.others))}
        </p>
      )}
      <HeatMap
        cells={cells}
        nameOf={nameOf}
        onOpen={(rank, step) =>
          void navigate({
            to: '/runs/$run/{-$tab}',
            params: { run, tab: 'console' } as never,
            search: { rank: rank ? String(rank) : undefined, step: String(step) } as never,
          })
        }
      />
    </>
  );
}
