/** One request: where its time went, what was said, what people said of it, and what else is known. */
import { Coded } from '~/shared/format/Coded';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { type Message, useRequest } from './queries';
import css from './requests.module.css';
import { words } from './strings';
import { Waterfall } from './Waterfall';

export function One({ run, id, onBack }: { run: string; id: string; onBack: () => void }) {
  const said = useStrings(words);
  const found = useRequest(run, id);
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { row, parts, asked, answered } = found.data;
  const root = parts.find((part) => !part.parent);
  return (
    <div className={css.one}>
      <p>
        <button type="button" className={css.link} onClick={onBack}>
          ‹ {said.back}
        </button>
      </p>
      <h2>
        {row.model ?? row.name} <Time time={row.time} />
      </h2>
      {row.reason && <p className={css.wrong}>{row.reason}</p>}
      <section>
        <h3>{said.waterfall}</h3>
        <Waterfall parts={parts} />
      </section>
      <section>
        <h3>{said.messages}</h3>
        {asked.length + answered.length === 0 && (
          <p className={css.quiet}>
            <Coded>{said.noText}</Coded>
          </p>
        )}
        {[...asked, ...answered].map((message, index) => (
          <Said key={index} message={message} />
        ))}
        {found.data.said.map((one, index) => (
          <p key={index} className={css.feedback}>
            <b>{said.said}</b>{' '}
            {Object.entries(one)
              .filter(([name]) => name.startsWith('whet.feedback.'))
              .map(([name, value]) => `${name.slice('whet.feedback.'.length)}: ${String(value)}`)
              .join(' · ')}
          </p>
        ))}
      </section>
      <section>
        <h3>{said.facts}</h3>
        <PlainTable label={said.facts} form="fit">
          <tbody>
            {Object.entries(root?.attributes ?? {}).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{typeof value === 'string' ? value : JSON.stringify(value)}</td>
              </tr>
            ))}
          </tbody>
        </PlainTable>
      </section>
    </div>
  );
}

function Said({ message }: { message: Message }) {
  return (
    <div className={css.message}>
      <b>{message.role}</b>
      <pre>
        {message.parts
          .map((part) => (part.type === 'text' ? String(part.content) : JSON.stringify(part, null, 1)))
          .join('\n')}
      </pre>
    </div>
  );
}
