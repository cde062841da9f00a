/** An answer: its reward, what each reward said, what was learned of it, and the turns in which tools were called. */
import { real } from '~/shared/api/numbers';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Answer, Message } from './queries';
import css from './rollouts.module.css';
import { words } from './strings';

export function AnswerCell({ answer, standing }: { answer: Answer; standing: number | null }) {
  const said = useStrings(words);
  const ends: Readonly<Record<string, string>> = { stop: said.stop, length: said.length };
  const reward = real(answer.reward);
  const isGraded = Number.isFinite(reward);
  return (
    <article className={css.answer} data-best={standing === 1 || undefined}>
      <header>
        <b>{isGraded ? figure(reward) : said.ungraded}</b>
        <meter min={0} max={1} value={standing ?? 0} aria-label={said.reward} />
        <small>
          {said.tokens(figure(answer.tokens))} · {ends[answer.finish] ?? answer.finish}
        </small>
      </header>
      {answer.messages.length > 1 && <Turns messages={answer.messages} />}
      <p className={css.text}>{answer.text || <i>{said.nothing}</i>}</p>
      <dl>
        {Object.entries(answer.scores).map(([name, score]) => (
          <Fact key={name} name={name} value={score === null ? said.abstained : figure(real(score))} />
        ))}
        {Object.entries({ ...answer.fields, ...answer.figures }).map(([name, value]) => (
          <Fact key={name} name={name} value={figure(real(value))} />
        ))}
      </dl>
      {answer.failures.map((failure, index) => (
        <p key={index} className={css.failure}>
          {said.failed}: {failure.join(': ')}
        </p>
      ))}
    </article>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Turns({ messages }: { messages: readonly Message[] }) {
  const said = useStrings(words);
  return (
    <details className={css.turns}>
      <summary>{said.turns(messages.length)}</summary>
      {messages.map((message, index) => (
        <div key={index}>
          <b>{message.role}</b>
          <pre>
            {message.content}
            {message.tool_calls?.map((call) => `\n${JSON.stringify(call)}`)}
          </pre>
        </div>
      ))}
    </details>
  );
}
