/** Diagnosis: what went wrong in a run, on what evidence, and what to do about it. */
import { useRef } from 'react';
import { useDiagnoses, useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import css from './diagnosis.module.css';
import { Found } from './Found';
import { words } from './strings';

// The gravest come first; a page of more helps nobody.
const SHOWN = 100;
const SEVERITIES = ['error', 'warning', 'info'] as const;

export default function Diagnosis() {
  const said = useStrings(words);
  const run = useRunName();
  const isLive = useRun(run).data?.status === 'running';
  const list = useRef<HTMLDivElement>(null);
  const found = useDiagnoses(run, isLive);
  const move = (by: 1 | -1) => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>('[data-look]') ?? [])];
    const at = links.findIndex((one) => one === document.activeElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  };
  useKeys([
    { keys: 'j', does: { en: 'Next finding', zh: '下一条发现' }, run: () => move(1) },
    { keys: 'k', does: { en: 'Finding before', zh: '上一条发现' }, run: () => move(-1) },
  ]);
  if (found.isPending) return <Loading rows={6} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { diagnoses, is_whole } = found.data;
  const counts = SEVERITIES.flatMap((severity) => {
    const count = diagnoses.filter((one) => one.severity === severity).length;
    return count ? [said.count(severity, count)] : [];
  });
  return (
    <div ref={list} className={css.page}>
      {!is_whole && <Partial>{said.live}</Partial>}
      {diagnoses.length === 0 ? (
        <Empty title={said.fine}>{said.fineAbout}</Empty>
      ) : (
        <p className={css.counts}>{counts.join(' · ')}</p>
      )}
      {diagnoses.slice(0, SHOWN).map((one, index) => (
        <Found key={index} run={run} finding={one} />
      ))}
      {diagnoses.length > SHOWN && <Partial>{said.more(diagnoses.length - SHOWN)}</Partial>}
      <Command line={`whet diagnose ${quoted(run)}`} />
    </div>
  );
}
