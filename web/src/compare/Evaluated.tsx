/** What was measured of the runs: a table for what can be compared, and what to type for runs that are missing there. */
import { Command, quoted } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { Baseline } from './Bar';
import bar from './compare.module.css';
import css from './measured.module.css';
import { MeasuredTable } from './MeasuredTable';
import { useEvaluations } from './queries';
import { words } from './strings';
import type { CompareView } from './view';

interface Props {
  view: CompareView;
  onChange: (change: Partial<CompareView>) => void;
}

export function Evaluated({ view, onChange }: Props) {
  const said = useStrings(words);
  const found = useEvaluations(view.runs, view.baseline);
  if (found.isPending) return <Loading rows={8} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { tasks } = found.data;
  if (!tasks.length)
    return (
      <Empty
        title={said.nothingMeasured}
        command={`whet evaluate ${quoted(view.runs[0] ?? 'RUN')} --task loss --file FILE`}
      >
        {said.nothingMeasuredHint}
      </Empty>
    );
  const base = view.baseline ? ` --baseline ${quoted(view.baseline)}` : '';
  return (
    <div className={css.evaluated}>
      <div className={bar.bar}>
        <Baseline view={view} onChange={onChange} />
      </div>
      <p className={css.about}>{said.evaluationsAbout}</p>
      {tasks.map((task, index) => (
        <MeasuredTable key={index} task={task} runs={view.runs} baseline={view.baseline} />
      ))}
      <Command line={`whet runs evaluations ${view.runs.map(quoted).join(' ')}${base}`} />
    </div>
  );
}
