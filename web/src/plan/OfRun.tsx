/** Memory of a run: as it was planned before the first step, and beside it as it was measured. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { bytes, percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { Bar, Components } from './Bar';
import css from './plan.module.css';
import { componentWords, nameWords, words } from './strings';

type Beside = Answered<'/api/v1/runs/{run}/plan'>;

const AGAIN_MS = 10_000;

export default function OfRun() {
  const said = useStrings(words);
  const run = useRunName();
  const isLive = useRun(run).data?.status === 'running';
  const found = useQuery({
    queryKey: ['run', run, 'plan'],
    queryFn: ({ signal }) =>
      answer<Beside>(api.GET('/api/v1/runs/{run}/plan', { params: { path: { run } }, signal })),
    refetchInterval: isLive ? AGAIN_MS : false,
  });
  if (found.isPending) return <Loading rows={6} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { rows, moment, components, why } = found.data;
  if (!rows.length && !Object.keys(why).length)
    return (
      <Empty title={said.noPlan} command="whet plan run.yaml">
        {said.noPlanAbout}
      </Empty>
    );
  const parts = Object.fromEntries(Object.entries(components).map(([name, value]) => [name, real(value)]));
  return (
    <div className={css.results}>
      {rows.length > 0 && (
        <section>
          <h2>{said.ofRun}</h2>
          <p>{said.ofRunAbout}</p>
          <Rows rows={rows} />
        </section>
      )}
      {moment !== null && (
        <section>
          <h2>
            {said.plannedPeak}: {moment}
          </h2>
          <Bar parts={parts} />
          <Components parts={parts} />
        </section>
      )}
      {Object.keys(why).length > 0 && (
        <section className={css.paragraphs}>
          <h2>{said.why}</h2>
          {Object.entries(why).map(([setting, words_]) => (
            <p key={setting}>{words_}</p>
          ))}
        </section>
      )}
      <Command line={`whet show ${quoted(run)} --part plan`} />
    </div>
  );
}

function Rows({ rows }: { rows: Beside['rows'] }) {
  const said = useStrings(words);
  const names: Readonly<Record<string, string>> = useStrings(nameWords);
  const meanings: Readonly<Record<string, string>> = useStrings(componentWords);
  const size = (value: Beside['rows'][number]['planned']) => (value === null ? '–' : bytes(real(value)));
  return (
    <PlainTable label={said.ofRun} form="fit">
      <thead>
        <tr>
          <th>{said.component}</th>
          <th data-number>{said.planned}</th>
          <th data-number>{said.measured}</th>
          <th data-number>{said.apart}</th>
          <th>{said.meaning}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.name}>
            <td>{names[one.name] ?? one.name}</td>
            <td data-number>{size(one.planned)}</td>
            <td data-number>{one.measured === null ? said.notYet : size(one.measured)}</td>
            <td data-number>{one.apart === null ? '–' : signed(real(one.apart))}</td>
            <td>{meanings[one.name]}</td>
          </tr>
        ))}
      </tbody>
    </PlainTable>
  );
}

function signed(share: number): string {
  return `${share >= 0 ? '+' : '−'}${percent(Math.abs(share))}`;
}
