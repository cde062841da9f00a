/** What was so at a step: values of the curves that are drawn, what happened then, and ways on from there. */
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { runTabs } from '../tabs';
import { useMarks } from '~/shared/api/run';
import { type Curve, nearest } from '~/shared/chart/curve';
import { Dialog } from '~/shared/controls/Dialog';
import { figure, whole } from '~/shared/format/numbers';
import { useStrings, useWords } from '~/shared/i18n/i18n';
import css from '../run.module.css';
import { words } from '../strings';

export function StepDialog({
  run,
  step,
  names,
  onClose,
}: {
  run: string;
  step: number;
  names: readonly string[];
  onClose: () => void;
}) {
  const said = useStrings(words);
  const word = useWords();
  const client = useQueryClient();
  const here = useMarks(run).data?.filter((mark) => mark.step === step) ?? [];
  const values = names.flatMap((name) => {
    const curve = client.getQueryData<Curve>(['run', run, 'curve', name, 'step', '', '', '']);
    const at = curve ? nearest(curve, step) : -1;
    return curve && at >= 0 ? [{ name, value: curve.mean[at] ?? NaN }] : [];
  });
  return (
    <Dialog title={said.atStep(whole(step))} about={said.atStepAbout} open onClose={onClose}>
      {here.map((mark) => (
        <p key={`${mark.kind} ${mark.text}`}>{mark.text}</p>
      ))}
      <dl className={css.pairs}>
        {values.map((one) => (
          <div key={one.name}>
            <dt>{one.name}</dt>
            <dd>{figure(one.value)}</dd>
          </div>
        ))}
      </dl>
      <div className={css.ways}>
        {runTabs
          .filter((tab) => tab.hasSteps)
          .map((tab) => (
            <Link
              key={tab.id}
              to="/runs/$run/{-$tab}"
              params={{ run, tab: tab.id } as never}
              search={{ step: String(step) } as never}
            >
              {said.go(word(tab.title))} →
            </Link>
          ))}
      </div>
    </Dialog>
  );
}
