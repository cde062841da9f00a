/** A prompt with its answers side by side. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { AnswerCell } from './Answer';
import { asked, byReward, meanReward, standing } from './graded';
import type { Rollout } from './queries';
import css from './rollouts.module.css';
import { words } from './strings';

interface Props {
  rollout: Rollout;
  /** Show this prompt at all steps; undefined where it is. */
  onOver?: () => void;
}

export function Prompt({ rollout, onOver }: Props) {
  const said = useStrings(words);
  const { answers, prompt } = rollout;
  const text = asked(prompt);
  const before = prompt.filter((message) => message.content !== text);
  return (
    <section className={css.prompt}>
      <p className={css.about}>
        <span>{said.atStep(figure(rollout.step))}</span>
        <span title={rollout.source}>{said.row(rollout.source.split('/').at(-1) ?? '', rollout.row)}</span>
        <span>{said.mean(figure(meanReward(answers)))}</span>
        {onOver && (
          <button type="button" onClick={onOver}>
            {said.over}
          </button>
        )}
      </p>
      {before.length > 0 && (
        <details className={css.turns}>
          <summary>{said.context}</summary>
          {before.map((message, index) => (
            <div key={index}>
              <b>{message.role}</b>
              <pre>{message.content}</pre>
            </div>
          ))}
        </details>
      )}
      <h2>{text}</h2>
      <div className={css.answers}>
        {byReward(answers).map((answer, index) => (
          <AnswerCell key={index} answer={answer} standing={standing(answer, answers)} />
        ))}
      </div>
    </section>
  );
}
