/** Rollouts: prompts with their answers side by side, what each reward said, and one prompt over steps. */
import { useDeferredValue } from 'react';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { Find, Pick, StepButtons } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { asked, keyOf } from './graded';
import { Prompt } from './Prompt';
import { useRollouts } from './queries';
import css from './rollouts.module.css';
import { words } from './strings';

const OFFERED = 24;

export default function Rollouts() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const q = useDeferredValue(address.find ?? '');
  const own = useRun(run).data;
  const first = useRollouts(run, -1, '', own?.status === 'running');
  const steps = first.data?.steps ?? [];
  const step = address.step === undefined ? (steps.at(-1) ?? 0) : Number(address.step) || 0;
  // A rollout is learned from at the steps that follow too: they show it as well.
  const index = Math.max(0, steps.findLastIndex((one) => one <= step)); // prettier-ignore
  const shownStep = steps[index] ?? step;
  const found = useRollouts(run, q ? undefined : shownStep, q, false);
  const go = (to: number) => {
    const next = steps[Math.min(steps.length - 1, Math.max(0, to))];
    change({ step: next === undefined ? undefined : String(next), find: undefined, prompt: undefined });
  };
  useKeys([
    { keys: '[', does: { en: 'Rollout before', zh: '上一次 rollout' }, run: () => go(index - 1) },
    { keys: ']', does: { en: 'Rollout after', zh: '下一次 rollout' }, run: () => go(index + 1) },
  ]);
  const wrong = first.error ?? found.error;
  if (wrong) return <Failure error={wrong} onRetry={() => void found.refetch()} />;
  if (first.isPending || !found.data) return <Loading rows={8} />;
  if (!steps.length) return <Empty title={said.empty}>{said.emptyHint}</Empty>;
  const { rollouts, total } = found.data;
  const shown = q && address.prompt ? rollouts.filter((one) => keyOf(one) === address.prompt) : rollouts;
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <Pick
          label={said.step}
          value={shownStep}
          options={steps}
          onChange={(step) => go(steps.indexOf(step))}
        />
        <StepButtons index={index} count={steps.length} onGo={go} />
        <Find
          label={said.find}
          value={address.find ?? ''}
          onChange={(find) => change({ find: find || undefined, prompt: undefined })}
        />
        <span className={css.quiet}>
          {q ? said.found(rollouts.length, total) : said.about(rollouts.length)}
        </span>
        {address.prompt && (
          <Button onClick={() => change({ find: undefined, prompt: undefined })}>{said.overAbout} ×</Button>
        )}
      </div>
      {!shown.length && <p className={css.quiet}>{q ? said.none : said.noneAt}</p>}
      {shown.slice(0, q ? undefined : OFFERED).map((one) => (
        <Prompt
          key={`${one.step} ${keyOf(one)}`}
          rollout={one}
          onOver={
            address.prompt
              ? undefined
              : () => change({ find: asked(one.prompt).slice(0, 200), prompt: keyOf(one) })
          }
        />
      ))}
      <Command
        line={`whet show ${quoted(run)} --part rollouts ${q ? `--find ${quoted(q)}` : `--step ${shownStep}`}`}
      />
    </div>
  );
}
