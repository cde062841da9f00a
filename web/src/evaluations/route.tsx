/** Evaluations: held-out figures over steps, and what tasks found of the run's models. */
import { Link } from '@tanstack/react-router';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { listed } from '~/shared/url/search';
import { Curves } from './Curves';
import css from './evaluations.module.css';
import { useEvaluations } from './queries';
import { Results } from './Results';
import { tasksOf } from './results';
import { words } from './strings';

export default function Evaluations() {
  const said = useStrings(words);
  const run = useRunName();
  const isLive = useRun(run).data?.status === 'running';
  const found = useEvaluations(run, isLive);
  if (found.isPending) return <Loading rows={8} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { evaluations, curves } = found.data;
  if (!evaluations.length && !curves.length)
    return (
      <Empty title={said.empty} command={`whet evaluate ${quoted(run)} --task loss --file FILE`}>
        {said.emptyHint}
      </Empty>
    );
  return (
    <div className={css.page}>
      {curves.length > 0 && <Curves run={run} names={curves} />}
      {evaluations.length > 0 && (
        <section>
          <h2>{said.after}</h2>
          <p>{said.afterAbout}</p>
          {tasksOf(evaluations).map((task) => (
            <Results key={task.name} run={run} task={task} />
          ))}
        </section>
      )}
      <p>
        <Link to="/compare" search={{ runs: listed([run]), part: 'evaluations' } as never}>
          {said.beside}
        </Link>
      </p>
      <Command line={`whet show ${quoted(run)} --part evaluations`} />
    </div>
  );
}
