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
import { colorOf } from './colors';
import { sum } from './engine/moments';
import css from './plan.module.css';
import { componentWords, nameWords, words } from './strings';

type Beside = Answered<'/api/v1/runs/{run}/plan'>;

const AGAIN_MS = 10_000;
const [STEP, PEAK] = ['step', 'peak'];
/** Bytes of a step below which what libraries keep weighs more. */
const SMALL = 64 * 2 ** 20;

export default function OfRun() {
  const said = useStrings(words);
  const names: Readonly<Record<string, string>> = useStrings(nameWords);
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
          <p>{isLive ? said.ofRunLive : said.ofRunAbout}</p>
          <Bars rows={withProcess(rows)} />
          <Rows rows={withProcess(rows)} />
          {rows.some((one) => one.name === STEP && real(one.planned ?? 0) < SMALL) && <p>{said.small}</p>}
        </section>
      )}
      {moment !== null && (
        <section>
          <h2>
            {said.plannedPeak}: {translated(moment, names)}
          </h2>
          <Bar parts={parts} />
          <Components parts={parts} />
        </section>
      )}
      {Object.keys(why).length > 0 && (
        <section className={css.paragraphs}>
          <h2>{said.why}</h2>
          {Object.entries(why).map(([setting, reason]) => (
            <p key={setting}>
              <code>{setting}</code> {reason}
            </p>
          ))}
        </section>
      )}
      <Command line={`whet show ${quoted(run)} --part plan`} />
    </div>
  );
}

/** A moment such as `backward, layer 3`, its phase in the page's language. */
function translated(moment: string, names: Readonly<Record<string, string>>): string {
  const [phase = '', ...what] = moment.split(', ');
  return [names[phase] ?? phase, ...what].join(', ');
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
          <th className={css.meaning}>{said.meaning}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.name}>
            <td>
              {one.name !== PEAK && <span className={css.swatch} style={{ background: colorOf(one.name) }} />}
              {names[one.name] ?? one.name}
              <small className={css.below}>{meanings[one.name]}</small>
            </td>
            <td data-number>{size(one.planned)}</td>
            <td data-number>{one.measured === null ? said.notYet : size(one.measured)}</td>
            <td data-number>{apartOf(one)}</td>
            <td className={css.meaning}>{meanings[one.name]}</td>
          </tr>
        ))}
      </tbody>
    </PlainTable>
  );
}

/** Planned above measured, on one scale; what the peak has beyond the rows is the process itself. */
function Bars({ rows }: { rows: Beside['rows'] }) {
  const said = useStrings(words);
  const sides = (['planned', 'measured'] as const).map((side) => [side, partsOf(rows, side)] as const);
  const scale = Math.max(...sides.map(([, parts]) => sum(Object.values(parts))));
  return (
    <div className={css.pair}>
      {sides.map(([side, parts]) =>
        Object.keys(parts).length === 0 ? null : (
          <div key={side}>
            <span>{said[side]}</span>
            <Bar parts={parts} scale={scale} />
          </div>
        ),
      )}
    </div>
  );
}

function partsOf(rows: Beside['rows'], side: 'planned' | 'measured'): Record<string, number> {
  const told = rows.flatMap((one): [string, number][] => {
    const value = one[side];
    return value === null || one.name === PEAK ? [] : [[one.name, real(value)]];
  });
  return Object.fromEntries(told);
}

/** With what the peak has beyond the other rows: the process itself. */
function withProcess(rows: Beside['rows']): Beside['rows'] {
  const peak = rows.find((one) => one.name === PEAK);
  if (!peak) return rows;
  const parts = rows.filter((one) => one.name !== PEAK);
  const rest = (side: 'planned' | 'measured') => {
    const [whole, sides] = [peak[side], parts.map((one) => one[side])];
    if (whole === null || sides.includes(null)) return null;
    return Math.max(0, real(whole) - sum(sides.map((one) => real(one ?? 0))));
  };
  const [planned, measured] = [rest('planned'), rest('measured')];
  const apart = planned && measured !== null ? measured / planned - 1 : null;
  return [...parts, { name: 'process', planned, measured, apart }, peak];
}

/** How far measured is from planned, in words: a share where it tells something, else bytes, of what is small. */
function apartOf({ planned, measured, apart }: Beside['rows'][number]): string {
  if (planned === null || measured === null || apart === null) return '–';
  const [share, beyond] = [real(apart), real(measured) - real(planned)];
  if (Math.abs(share) < 0.0005) return '0 %';
  const sign = beyond >= 0 ? '+' : '−';
  const isSmall = real(planned) < SMALL || Math.abs(share) >= 1;
  return `${sign}${isSmall ? bytes(Math.abs(beyond)) : percent(Number(Math.abs(share).toFixed(3)))}`;
}
