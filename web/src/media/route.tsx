/** Media: pictures, sound, video, tables, text and HTML that were logged, by name, at a step that one slides to. */
import { useDeferredValue } from 'react';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { IconButton } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
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
  const found = useMedia(run, isLive);
  const search = useDeferredValue((address.find ?? '').toLowerCase());
  const series = seriesOf(found.data?.media ?? []);
  const steps = stepsOf(series);
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
  if (found.isPending) return <Loading rows={8} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (!series.length)
    return (
      <Empty title={said.empty} command='run.log({"examples": track.Image(picture)})'>
        {said.emptyHint}
      </Empty>
    );
  const shown = series.filter((one) => one.name.toLowerCase().includes(search));
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
            aria-valuetext={figure(steps[index] ?? 0)}
            onChange={(event) => go(Number(event.target.value))}
          />
          <output>{figure(steps[index] ?? 0)}</output>
        </label>
        <IconButton icon="left" label={said.before} disabled={index === 0} onClick={() => go(index - 1)} />
        <IconButton
          icon="right"
          label={said.after}
          disabled={index >= steps.length - 1}
          onClick={() => go(index + 1)}
        />
        <input
          className={css.find}
          type="search"
          value={address.find ?? ''}
          placeholder={said.find}
          aria-label={said.find}
          onChange={(event) => change({ find: event.target.value || undefined })}
        />
        <span className={css.about}>{said.about(series.length, steps.length)}</span>
      </div>
      {!shown.length && <p className={css.quiet}>{said.none}</p>}
      <div className={css.grid}>
        {shown.map((one) => (
          <Named key={one.name} run={run} series={one} step={steps[index] ?? 0} />
        ))}
      </div>
      <Command line={`whet show ${quoted(run)} --json`} />
    </div>
  );
}
