/** Media: pictures, sound, tables, points and HTML that were logged, at a step that one slides to; of runs side by side. */
import { useDeferredValue } from 'react';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { Find, StepButtons } from '~/shared/controls/Inline';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { listOf, listed, useAddress } from '~/shared/url/search';
import { Beside } from './Beside';
import { Named } from './Named';
import css from './media.module.css';
import { useMedia } from './queries';
import { seriesOf, stepsOf } from './stepped';
import { words } from './strings';

export default function Media() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const isLive = useRun(run).data?.status === 'running';
  const others = listOf(address.beside);
  const runs = [run, ...others];
  const all = useMedia(runs, isLive);
  const search = useDeferredValue((address.find ?? '').toLowerCase());
  const series = all.map((one) => seriesOf(one.data?.media ?? []));
  const steps = stepsOf(series.flat());
  const last = steps.at(-1) ?? 0;
  const step = address.step === undefined ? last : Number(address.step) || 0;
  const index = Math.max(0, steps.findLastIndex((one) => one <= step)); // prettier-ignore
  const go = (to: number) => {
    const next = steps[Math.min(steps.length - 1, Math.max(0, to))];
    change({ step: next === undefined || next === last ? undefined : String(next) });
  };
  useKeys([
    { keys: '[', does: { en: 'Step before', zh: '上一步' }, run: () => go(index - 1) },
    { keys: ']', does: { en: 'Step after', zh: '下一步' }, run: () => go(index + 1) },
  ]);
  const wrong = all.find((one) => one.isError && !one.data);
  if (wrong) return <Failure error={wrong.error} onRetry={() => void wrong.refetch()} />;
  if (all[0]?.isPending) return <Loading rows={8} />;
  const names = [...new Set(series.flatMap((own) => own.map((one) => one.name)))].sort();
  if (!names.length)
    return (
      <Empty title={said.empty} command='run.log({"examples": track.Image(picture)})'>
        {said.emptyHint}
      </Empty>
    );
  const shown = names.filter((name) => name.toLowerCase().includes(search));
  const at = steps[index] ?? 0;
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <label className={css.slide}>
          {said.step}
          <input
            type="range"
            min={0}
            max={Math.max(0, steps.length - 1)}
            value={index}
            aria-valuetext={figure(at)}
            onChange={(event) => go(Number(event.target.value))}
          />
          <output>{figure(at)}</output>
        </label>
        <StepButtons index={index} count={steps.length} onGo={go} />
        <Find
          label={said.find}
          value={address.find ?? ''}
          onChange={(find) => change({ find: find || undefined })}
        />
        <Beside run={run} others={others} onChange={(next) => change({ beside: listed(next) })} />
        <span className={css.about}>{said.about(names.length, steps.length)}</span>
      </div>
      {!shown.length && <p className={css.quiet}>{said.none}</p>}
      <div className={css.grid}>
        {shown.map((name) => (
          <Named
            key={name}
            name={name}
            step={at}
            columns={runs.map((one, place) => ({
              run: one,
              series: series[place]?.find((own) => own.name === name),
            }))}
          />
        ))}
      </div>
      <Command line={`whet show ${quoted(run)} --part media${search ? ` --find ${quoted(search)}` : ''}`} />
    </div>
  );
}
