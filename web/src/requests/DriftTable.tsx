/** How the requests of later stretches of time differ from those of the first. */
import { duration, figure, whole } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { type Drift, useDrift } from './queries';
import css from './requests.module.css';
import { words } from './strings';

const FIELDS = [
  'prompt_tokens',
  'answer_tokens',
  'first_token_s',
  'duration_s',
  'language',
  'words',
] as const;
// A gap is told where so few draws of the same would show one as large.
const RARE = 1e-3;

export function DriftTable({ run, filter }: { run: string; filter: string }) {
  const said = useStrings(words);
  const found = useDrift(run, filter);
  if (found.isPending) return <Loading rows={4} />;
  if (found.isError) return <Failure error={found.error} />;
  const { windows, least, sampled } = found.data;
  if (windows.length < 2) return <p className={css.quiet}>{said.driftFew(least)}</p>;
  return (
    <>
      <p className={css.quiet}>{said.driftAbout(least, sampled)}</p>
      <PlainTable label={said.drift} form="fit">
        <thead>
          <tr>
            <th scope="col">{said.since}</th>
            <th scope="col" data-number>
              {said.count}
            </th>
            {FIELDS.map((name) => (
              <th key={name} scope="col" data-number>
                {said[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {windows.map((one, index) => (
            <tr key={one.begin}>
              <th scope="row">
                <Time time={one.begin} />
              </th>
              <td data-number>{whole(one.count)}</td>
              {FIELDS.map((name) => (
                <Cell key={name} name={name} of={one.fields[name]} isFirst={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </PlainTable>
    </>
  );
}

interface CellProps {
  name: (typeof FIELDS)[number];
  of: Drift['windows'][number]['fields'][string] | undefined;
  isFirst: boolean;
}

function Cell({ name, of, isFirst }: CellProps) {
  const said = useStrings(words);
  if (!of || of.distance === null) return <td data-number>—</td>;
  const isMoved = !isFirst && of.chance !== null && of.chance < RARE;
  const told =
    of.median === null ? of.told : said.median(name.endsWith('_s') ? duration(of.median) : figure(of.median));
  const usual = of.usual === null || isFirst ? '' : said.usual(figure(of.usual));
  return (
    <td
      data-number
      className={isMoved ? css.moved : undefined}
      title={[told, usual].filter(Boolean).join(' · ')}
    >
      {isFirst ? said.reference : figure(of.distance)} {isMoved && <b>{said.moved}</b>}
      <small>{told}</small>
      {usual && <small>{usual}</small>}
    </td>
  );
}
