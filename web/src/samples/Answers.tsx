/** What the model answered to each prompt, step by step. */
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import { useGenerations } from './queries';
import css from './samples.module.css';
import { words } from './strings';

export function Answers({ run }: { run: string }) {
  const said = useStrings(words);
  const found = useGenerations(run);
  if (found.isPending) return null;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { prompts, generations } = found.data;
  if (!generations.length) return null;
  return (
    <section>
      <h2>{said.answers}</h2>
      <p>{said.answersAbout}</p>
      {prompts.map((prompt) => (
        <div key={prompt} className={css.prompt}>
          <h3>{prompt}</h3>
          <dl>
            {generations
              .filter((one) => one.prompt === prompt)
              .map((one, index) => (
                <div key={index}>
                  <dt>
                    {said.step} {figure(one.step)}
                  </dt>
                  <dd>{one.text}</dd>
                </div>
              ))}
          </dl>
        </div>
      ))}
    </section>
  );
}
