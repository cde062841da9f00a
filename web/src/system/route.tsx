/** System: where the time of a step goes, how ranks differ, and what the machine did. */
import { useState } from 'react';
import { useRun } from '~/shared/api/run';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import { Command } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Loading } from '~/shared/states/States';
import { listOf, useAddress } from '~/shared/url/search';
import { MachineCurve } from './MachineCurve';
import { Ranks } from './Ranks';
import css from './system.module.css';
import { words } from './strings';
import { Times } from './Times';

// The prefixes of curves that samplers of the machine write.
const MACHINE =
  /^(cpu|memory|swap|disk|network|cgroup|pressure|gpu\d*|npu\d*|accelerator\d*|energy_j|cost|power)(\/|$)/;

export default function System() {
  const said = useStrings(words);
  const run = useRunName();
  const page = useRun(run).data;
  const [window, setWindow] = useState<Window | null>(null);
  const [address] = useAddress();
  if (!page) return <Loading rows={6} />;
  const named = listOf(address.names);
  const all = page.metrics.filter((name) => MACHINE.test(name));
  // Those that are asked for stand first.
  const machine = [
    ...all.filter((name) => named.includes(name)),
    ...all.filter((name) => !named.includes(name)),
  ];
  const writer = page.writers.find((one) => one.startsWith('machine'));
  return (
    <ChartGroup name={`system ${run}`} window={window} onWindow={setWindow}>
      <div className={css.page}>
        <Times run={run} names={page.metrics} />
        <Ranks run={run} names={page.metrics.filter((name) => !MACHINE.test(name))} />
        <section>
          <h2>{said.machine}</h2>
          {machine.length && writer ? (
            <>
              <p>{said.machineAbout}</p>
              <div className={css.charts}>
                {machine.map((name) => (
                  <MachineCurve key={name} run={run} name={name} writer={writer} />
                ))}
              </div>
            </>
          ) : (
            <Empty title={said.noMachine}>{said.noMachineAbout}</Empty>
          )}
        </section>
        <Command line="whet top" />
      </div>
    </ChartGroup>
  );
}
