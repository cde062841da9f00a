/** Samples: which rows a step learned from, single tokens by their loss, and how answers changed over steps. */
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { PickNumber, StepButtons } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { useAddress } from '~/shared/url/search';
import { Answers } from './Answers';
import { Rows } from './Rows';
import css from './samples.module.css';
import { words } from './strings';
import { Tokens } from './Tokens';

export default function Samples() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const last = useRun(run).data?.step ?? 1;
  const step = Math.max(0, Math.round(Number(address.step ?? last)) || 0);
  const go = (next: number) => change({ step: String(Math.max(0, next)) });
  useKeys([
    { keys: 'j', does: { en: 'Step after', zh: '下一步' }, run: () => go(step + 1) },
    { keys: 'k', does: { en: 'Step before', zh: '上一步' }, run: () => go(step - 1) },
  ]);
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <PickNumber label={said.step} value={step} onChange={(at) => go(at ?? 0)} />
        <StepButtons index={step} count={Infinity} onGo={go} />
      </div>
      <Rows run={run} step={step} />
      <Tokens run={run} step={step} onStep={go} />
      <Answers run={run} />
      <Command line={`whet show ${quoted(run)} --step ${step}`} />
    </div>
  );
}
