/** A turn: what was said to the models, their answers side by side, and which is better. */
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { AnswerView } from './AnswerView';
import { type Turn, isOpen, isOver } from './conversation';
import css from './playground.module.css';
import { words } from './strings';

export type Vote = 'left' | 'right' | 'good' | 'bad';

interface Props {
  turn: Turn;
  isLast: boolean;
  hasChances: boolean;
  onVote: (vote: Vote) => void;
  /** Let the conversation go on from the answer of a place in `answers`. */
  onGoOn: (place: number) => void;
}

export function TurnView({ turn, isLast, hasChances, onVote, onGoOn }: Props) {
  const said = useStrings(words);
  const isPair = turn.answers.length > 1;
  const isShown = isOpen(turn);
  const letters = [said.answerA, said.answerB];
  const hasWords = turn.answers.some((answer) => answer.id && !answer.error);
  const markOf = (place: number) => {
    if (turn.vote === (place === 0 ? 'first' : 'second')) return said.better;
    return isPair && isShown && place === turn.goesOn && !isLast ? said.goesOn : undefined;
  };
  return (
    <section className={css.turn}>
      {turn.input.map((message, index) => (
        <div key={index} className={css.input}>
          <b>{message.role === 'tool' ? said.tool : said.you}</b>
          <p>{message.content}</p>
        </div>
      ))}
      <div className={css.answers}>
        {turn.order.map((place, at) => {
          const answer = turn.answers[place];
          if (!answer) return null;
          const name = isShown ? answer.model : (letters[at] ?? '');
          return (
            <AnswerView
              key={place}
              answer={answer}
              name={name}
              isOpen={isShown}
              hasChances={hasChances}
              mark={markOf(place)}
            />
          );
        })}
      </div>
      {isOver(turn) && hasWords && (
        <div className={css.votes}>
          {isPair && !turn.vote && (
            <>
              <Button onClick={() => onVote('left')}>{said.left}</Button>
              <Button onClick={() => onVote('right')}>{said.right}</Button>
            </>
          )}
          {!turn.vote && <Button onClick={() => onVote('good')}>{isPair ? said.bothGood : said.good}</Button>}
          {!turn.vote && <Button onClick={() => onVote('bad')}>{isPair ? said.bothBad : said.bad}</Button>}
          {turn.vote && !isPair && (
            <span className={css.quiet}>{turn.vote === 'good' ? said.good : said.bad}</span>
          )}
          {isPair && isLast && isShown && turn.order.some((place) => place !== turn.goesOn) && (
            <Button kind="bare" onClick={() => onGoOn(1 - turn.goesOn)}>
              {said.goOn}: {turn.answers[1 - turn.goesOn]?.model}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}
