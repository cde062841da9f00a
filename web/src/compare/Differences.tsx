/** The settings and the outcome in which runs differ, a column a run. */
import { Fragment } from 'react';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './compare.module.css';
import type { Comparison } from './queries';
import { words } from './strings';

export function Differences({ found, baseline }: { found: Comparison; baseline: string }) {
  const said = useStrings(words);
  const config = Object.entries(found.config);
  const others = [
    [said.facts, Object.entries(found.facts)],
    [said.outcome, Object.entries(found.outcome)],
  ] as const;
  if (found.runs.length < 2) return null;
  return (
    <section className={css.differences}>
      <h2>{said.differences}</h2>
      {config.length === 0 && <p>{said.same}</p>}
      <div className={css.scroll}>
        <table>
          <thead>
            <tr>
              <th>{said.setting}</th>
              {found.runs.map((run) => (
                <th key={run.name} data-base={run.name === baseline || undefined} title={run.name}>
                  {run.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {config.map((entry) => (
              <Row key={entry[0]} entry={entry} />
            ))}
            {others.map(
              ([title, entries]) =>
                entries.length > 0 && (
                  <Fragment key={title}>
                    <tr className={css.part}>
                      <th colSpan={found.runs.length + 1}>{title}</th>
                    </tr>
                    {entries.map((entry) => (
                      <Row key={entry[0]} entry={entry} />
                    ))}
                  </Fragment>
                ),
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ entry: [name, values] }: { entry: [string, readonly unknown[]] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {values.map((value, index) => (
        <td key={index} className={typeof value === 'number' ? css.number : undefined} title={told(value)}>
          {typeof value === 'number' ? figure(value) : told(value)}
        </td>
      ))}
    </tr>
  );
}

function told(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
