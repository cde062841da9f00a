/** System: where the time of a step goes, how ranks differ, what it ran on, and what the machine did. */
import { useState } from 'react';
import { useRun } from '~/shared/api/run';
import type { RunPage } from '~/shared/api/runs';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import { Command, quoted } from '~/shared/command/Command';
import { Pick } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Loading } from '~/shared/states/States';
import { listOf, useAddress } from '~/shared/url/search';
import { Hardware } from './Hardware';
import { MachineCurve } from './MachineCurve';
import { Mesh } from './Mesh';
import { Ranks } from './Ranks';
import css from './system.module.css';
import { words } from './strings';
import { Times } from './Times';

// The prefixes of curves that samplers of the machine write.
const MACHINE =
  /^(cpu|memory|swap|disk|network|processes|cgroup|pressure|gpu\d*|npu\d*|accelerator\d*|energy_j|cost|power)(\/|$)/;

export default function System() {
  const said = useStrings(words);
  const run = useRunName();
  const page = useRun(run).data;
  const [window, setWindow] = useState<Window | null>(null);
  if (!page) return <Loading rows={6} />;
  return (
    <ChartGroup name={`system ${run}`} window={window} onWindow={setWindow}>
      <div className={css.page}>
        <Times run={run} names={page.metrics} />
        <Mesh run={run} />
        <Ranks
          run={run}
          names={page.metrics.filter((name) => !MACHINE.test(name))}
          isLive={page.status === 'running'}
        />
        <section>
          <h2>{said.machine}</h2>
          <Machine page={page} />
        </section>
        <Hardware run={run} />
        <Command line={`whet top --run ${quoted(run)}`} />
      </div>
    </ChartGroup>
  );
}

function Machine({ page }: { page: RunPage }) {
  const said = useStrings(words);
  const [address, change] = useAddress();
  const named = listOf(address.names);
  const all = page.metrics.filter((name) => MACHINE.test(name));
  // Those that are asked for stand first.
  const machine = [
    ...all.filter((name) => named.includes(name)),
    ...all.filter((name) => !named.includes(name)),
  ];
  const writers = page.writers.filter((one) => one.startsWith('machine'));
  const writer = writers.find((one) => one === address.machine) ?? writers[0];
  if (!machine.length || !writer) return <Empty title={said.noMachine}>{said.noMachineAbout}</Empty>;
  return (
    <>
      <p>{said.machineAbout}</p>
      {writers.length > 1 && (
        <Pick
          label={said.whichMachine}
          value={writer}
          options={writers}
          onChange={(machine) => change({ machine })}
        />
      )}
      <div className={css.charts}>
        {machine.map((name) => (
          <MachineCurve key={name} run={page.name} name={name} writer={writer} />
        ))}
      </div>
    </>
  );
}
