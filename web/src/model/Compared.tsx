/** Two versions beside each other: facts that differ, figures with their difference, files that are not the same. */
import type { ReactNode } from 'react';
import { isNumeric, real } from '~/shared/api/numbers';
import { type Comparison, useComparison } from '~/shared/api/registry';
import { bytes, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { baseName } from '~/shared/registry/base';
import { kinds } from '~/shared/registry/strings';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import css from './model.module.css';
import { words } from './strings';

const SHORT = 12;
const DIGESTS: readonly string[] = ['tokenizer', 'template', 'data', 'code'];

export function Compared({ name, first, second }: { name: string; first: number; second: number }) {
  const said = useStrings(words);
  const found = useComparison(name, first, second);
  if (found.isPending) return <Loading rows={4} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { data } = found;
  const title = said.comparedTo(data.first, data.second);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <PlainTable label={title}>
        <thead>
          <tr>
            <th aria-hidden />
            <th>{data.first}</th>
            <th>{data.second}</th>
            <th>{data.figures.length > 0 && said.difference}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(data.facts).map(([fact, [one, other]]) => (
            <Line key={fact} name={<Name fact={fact} />}>
              <td title={titleOf(one)}>
                <Fact fact={fact} value={one} />
              </td>
              <td title={titleOf(other)}>
                <Fact fact={fact} value={other} />
              </td>
              <td />
            </Line>
          ))}
          {data.figures.map((one) => (
            <Line key={one.name} name={one.name}>
              <td>{shown(one.first)}</td>
              <td>{shown(one.second)}</td>
              <td>
                <Difference told={one} />
              </td>
            </Line>
          ))}
        </tbody>
      </PlainTable>
      {!Object.keys(data.facts).length && <p className={css.small}>{said.factsSame}</p>}
      <FilesOf data={data} />
    </section>
  );
}

const titleOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
const shown = (value: unknown) => (isNumeric(value) ? figure(real(value)) : '—');

function Line({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {children}
    </tr>
  );
}

function Name({ fact }: { fact: string }) {
  const said: Readonly<Record<string, unknown>> = useStrings(words);
  const word = said[fact === 'bytes' ? 'size' : fact];
  return <>{typeof word === 'string' ? word : fact}</>;
}

function Fact({ fact, value }: { fact: string; value: string | number | null }) {
  const kindWords: Readonly<Record<string, string>> = useStrings(kinds);
  if (value === null) return <>—</>;
  if (fact === 'bytes') return <>{bytes(Number(value))}</>;
  if (fact === 'base') return <>{baseName(String(value))}</>;
  if (fact === 'kind') return <>{kindWords[String(value)] ?? value}</>;
  return DIGESTS.includes(fact) ? <code>{String(value).slice(0, SHORT)}</code> : <>{value}</>;
}

function Difference({ told }: { told: Comparison['figures'][number] }) {
  const said = useStrings(words);
  const { paired } = told;
  const by = real(paired ? paired.difference : null);
  const plain = real(told.second) - real(told.first);
  const value = Number.isNaN(by) ? plain : by;
  if (Number.isNaN(value)) return <>—</>;
  return (
    <>
      {value > 0 ? `+${figure(value)}` : figure(value)}
      {paired && (
        <small className={css.paired}>
          {said.paired(figure(real(paired.low)), figure(real(paired.high)), paired.n)}
        </small>
      )}
    </>
  );
}

function FilesOf({ data }: { data: Comparison }) {
  const said = useStrings(words);
  const others = [
    ...data.changed.map((path) => [path, said.changed] as const),
    ...data.only_first.map((path) => [path, said.onlyIn(data.first)] as const),
    ...data.only_second.map((path) => [path, said.onlyIn(data.second)] as const),
  ];
  return (
    <>
      <p className={`${css.small} ${css.after}`}>{said.filesAlike(data.alike.length)}</p>
      <ul className={css.referring}>
        {others.map(([path, what]) => (
          <li key={path}>
            {path} <small className={css.small}>{what}</small>
          </li>
        ))}
      </ul>
    </>
  );
}
