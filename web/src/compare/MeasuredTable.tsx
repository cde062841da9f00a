/** One task: a line a run, a column a figure, in each cell the value, how far it is from the baseline, and where it stands. */
import { Link } from '@tanstack/react-router';
import { colorToken } from '~/shared/chart/colors';
import { quoted } from '~/shared/command/Command';
import { CopyButton } from '~/shared/controls/Copy';
import { Time } from '~/shared/format/Time';
import { whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import { commandOf, scaleOf, type Task } from './measured';
import { MeasuredCell } from './MeasuredCell';
import css from './measured.module.css';
import { words } from './strings';

// How the held-out figures of a training are called among tasks.
const HELD_OUT = 'eval';
const nameOf = (path: string): string => path.split('/').at(-1) ?? path;

interface Props {
  task: Task;
  /** All that are compared, which gives each its colour. */
  runs: readonly string[];
  baseline: string;
}

export function MeasuredTable({ task, runs, baseline }: Props) {
  const said = useStrings(words);
  const isHeldOut = task.task === HELD_OUT;
  const title = isHeldOut ? said.whileTraining : task.task;
  const columns = task.figures.map((_, column) => task.rows.map((row) => row.cells[column]));
  const baseRow = task.rows.find((row) => row.run === baseline);
  return (
    <section>
      <PlainTable label={`${title} ${settingsOf(task)}`} form="fit">
        <caption>
          {title} <span className={css.settings}>{settingsOf(task)}</span>
        </caption>
        <thead>
          <tr>
            <th>{said.run}</th>
            <th>{said.model}</th>
            {task.figures.map((one) => (
              <th key={one.name}>
                {one.name}
                {one.less_is_better !== null && <small>{one.less_is_better ? said.less : said.more}</small>}
              </th>
            ))}
            {!isHeldOut && <th>{said.measured}</th>}
          </tr>
        </thead>
        <tbody>
          {task.rows.map((row) => (
            <tr key={row.run}>
              <th scope="row">
                <span
                  className={css.swatch}
                  style={{ background: colorToken(runs.indexOf(row.run)) }}
                  aria-hidden
                />
                <Link to={`/runs/${encodeURIComponent(row.run)}/evaluations`}>{row.run}</Link>
                {row.run === baseline && <small>{said.isBaseline}</small>}
              </th>
              <td title={row.model || undefined}>
                {row.path ? nameOf(row.model) : said.atStep(whole(row.step ?? 0))}
              </td>
              {task.figures.map((figure, column) => (
                <td key={figure.name}>
                  <MeasuredCell
                    cell={row.cells[column]}
                    figure={figure}
                    scale={scaleOf(columns[column] ?? [])}
                    base={baseRow?.cells[column]}
                    color={colorToken(runs.indexOf(row.run))}
                  />
                </td>
              ))}
              {!isHeldOut && (
                <td>
                  {row.time !== null && <Time time={row.time} />}
                  {row.count > 1 && <small>{said.newestOf(row.count)}</small>}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </PlainTable>
      {task.missing.length > 0 && !isHeldOut && <Missing task={task} />}
    </section>
  );
}

/** The runs that were not measured so, and the line that measures the first of them. */
function Missing({ task }: { task: Task }) {
  const said = useStrings(words);
  const line = commandOf(task, task.missing[0] ?? '', quoted);
  return (
    <p className={css.notMeasured}>
      <span>
        {said.notMeasured} {task.missing.join(', ')}
      </span>
      <code tabIndex={0}>{line}</code>
      <CopyButton text={line} />
    </p>
  );
}

/** What tells it from the same task on other data. */
function settingsOf(task: Task): string {
  return Object.entries(task.settings)
    .filter(([name]) => name === 'file' || name.endsWith('.path'))
    .map(([, value]) => nameOf(String(value)))
    .join(', ');
}
