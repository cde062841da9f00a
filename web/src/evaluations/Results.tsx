/** What one task found: a line a result, a column a figure; each opens to how it was measured. */
import { Fragment, useState } from 'react';
import { fileOf } from '~/shared/api/files';
import { IconButton } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import css from './evaluations.module.css';
import type { Figure, Measured, Task } from './results';
import { words } from './strings';

const nameOf = (path: string): string => path.split('/').at(-1) ?? path;

export function Results({ run, task }: { run: string; task: Task }) {
  const said = useStrings(words);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <PlainTable label={task.name} form="fit">
      <caption>{task.name}</caption>

      <thead>
        <tr>
          <th>{said.model}</th>
          {task.figures.map((name) => (
            <th key={name} data-number>
              {name}
            </th>
          ))}
          <th data-number>{said.units}</th>
          <th>{said.measured}</th>
          <th aria-label={said.how} />
        </tr>
      </thead>
      <tbody>
        {task.results.map((one) => (
          <Fragment key={one.path}>
            <tr>
              <td title={one.model}>{nameOf(one.model)}</td>
              {task.figures.map((name) => (
                <td key={name} data-number>
                  <Value told={one.figures[name]} />
                </td>
              ))}
              <td data-number>{units(one)}</td>
              <td>
                <Time time={one.time} />
              </td>
              <td>
                <IconButton
                  icon={open === one.path ? 'down' : 'right'}
                  label={said.how}
                  aria-expanded={open === one.path}
                  onClick={() => setOpen(open === one.path ? null : one.path)}
                />
              </td>
            </tr>
            {open === one.path && (
              <tr>
                <td colSpan={task.figures.length + 4} data-whole>
                  <How run={run} result={one} />
                </td>
              </tr>
            )}
          </Fragment>
        ))}
      </tbody>
    </PlainTable>
  );
}

/** How many units are behind its figures. */
function units(result: Measured): string {
  const most = Math.max(...Object.values(result.figures).map((one) => one.n), -1);
  return most < 0 || Number.isNaN(most) ? '–' : figure(most);
}

function Value({ told }: { told: Figure | undefined }) {
  const said = useStrings(words);
  if (!told) return <>–</>;
  const hasInterval = Number.isFinite(told.low) && Number.isFinite(told.high);
  return (
    <>
      {figure(told.value)}
      {hasInterval && <small>{said.interval(figure(told.low), figure(told.high))}</small>}
    </>
  );
}

function How({ run, result }: { run: string; result: Measured }) {
  const said = useStrings(words);
  return (
    <div>
      <dl className={css.how}>
        <div>
          <dt>{said.model}</dt>
          <dd>{result.model}</dd>
        </div>
        {result.how.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <a href={fileOf(run, result.path)} target="_blank" rel="noreferrer">
        {said.file}
      </a>
    </div>
  );
}
