/** Ranks as a heat map: a line a rank, columns of steps; a slow one stands out. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Answered, answer, api } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import css from './system.module.css';
import { words } from './strings';

type Matrix = Answered<'/api/v1/runs/{run}/ranks'>;

const COLUMNS = 100;

export function Ranks({ run, names }: { run: string; names: readonly string[] }) {
  const said = useStrings(words);
  const first = ['seconds', 'wait_s', 'loss'].find((name) => names.includes(name)) ?? names[0];
  const [chosen, setChosen] = useState<string>();
  const name = chosen ?? first;
  const found = useQuery({
    queryKey: ['run', run, 'ranks', name],
    enabled: name !== undefined,
    queryFn: ({ signal }) => {
      const params = { path: { run }, query: { name: name ?? '', most: COLUMNS } };
      return answer<Matrix>(api.GET('/api/v1/runs/{run}/ranks', { params, signal }));
    },
  });
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  // One rank alone has nobody to differ from.
  if (!found.data || (found.data.ranks.length < 2 && chosen === undefined)) return null;
  return (
    <section>
      <h2>{said.ranks}</h2>
      <p>{said.ranksAbout}</p>
      <label className={css.pick}>
        {said.metric}
        <select value={name} onChange={(event) => setChosen(event.target.value)}>
          {names.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <Map matrix={found.data} />
    </section>
  );
}

function Map({ matrix }: { matrix: Matrix }) {
  const said = useStrings(words);
  const values = matrix.means.map((row) => row.map(real));
  const known = values.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const share = (value: number) => (high > low ? (value - low) / (high - low) : 0);
  return (
    <div className={css.scroll}>
      <div className={css.map}>
        {values.map((row, index) => (
          <div key={matrix.ranks[index]} className={css.rank}>
            <span>
              {said.rank} {matrix.ranks[index]}
            </span>
            {row.map((value, column) => (
              <i
                key={column}
                style={{ opacity: Number.isFinite(value) ? 0.08 + 0.92 * share(value) : 0 }}
                title={`${said.rank} ${matrix.ranks[index]}, ${matrix.edges[column]}: ${figure(value)}`}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
