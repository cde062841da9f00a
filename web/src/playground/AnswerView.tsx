/** One answer: who said it, its text or its tokens, the tools it calls, and how fast it came. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Answer } from './conversation';
import css from './playground.module.css';
import { words } from './strings';
import { Tokens } from './Tokens';

interface Props {
  answer: Answer;
  /** The model, or where it is hidden a letter. */
  name: string;
  isOpen: boolean;
  hasChances: boolean;
  /** What is said of it: better, or that it goes on. */
  mark?: string;
}

export function AnswerView({ answer, name, isOpen, hasChances, mark }: Props) {
  const said = useStrings(words);
  const isEmpty = answer.isOver && !answer.text && !answer.calls.length && !answer.error;
  return (
    <article className={css.answer} data-marked={mark ? true : undefined} aria-busy={!answer.isOver}>
      <header>
        <b>{name}</b>
        {mark && <span className={css.mark}>{mark}</span>}
        {!answer.isOver && !answer.text && <small>{said.waiting}</small>}
        {answer.finish === 'length' && <small>{said.cut}</small>}
      </header>
      {hasChances && answer.tokens.length > 0 ? (
        <Tokens tokens={answer.tokens} />
      ) : (
        <p className={css.text}>{isEmpty ? <i>{said.empty}</i> : answer.text}</p>
      )}
      {answer.calls.map((call, index) => (
        <pre key={index} className={css.call}>
          <b>{call.name}</b> {pretty(call.arguments)}
        </pre>
      ))}
      {answer.error && (
        <p className={css.wrong} role="alert">
          {answer.error}
        </p>
      )}
      {isOpen && answer.isOver && answer.usage && (
        <footer>
          {said.figures(figure(answer.usage.made), rate(answer), milliseconds(answer.first))}
          {answer.usage.cached > 0 && ` · ${said.cached(figure(answer.usage.cached))}`}
        </footer>
      )}
    </article>
  );
}

/** Tokens a second once the first had come. */
function rate({ usage, first, took }: Answer): string {
  const seconds = ((took ?? 0) - (first ?? 0)) / 1000;
  return usage && usage.made > 1 && seconds > 0 ? figure((usage.made - 1) / seconds) : '—';
}

const milliseconds = (value: number | undefined) =>
  value === undefined ? '—' : value < 1000 ? `${Math.round(value)} ms` : `${figure(value / 1000)} s`;

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
