/** What the run ran on and with: of its newest start the machine, versions and source code; what it took so far. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { quoted } from '~/shared/command/Command';
import { CopyButton } from '~/shared/controls/Copy';
import { bytes, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './system.module.css';
import { words } from './strings';

type Environments = Answered<'/api/v1/runs/{run}/environment'>;

// Versions that decide about numbers; all others are in the API's answer.
const PACKAGES = ['torch', 'transformers', 'peft', 'tokenizers', 'numpy', 'whet'];

export function Hardware({ run }: { run: string }) {
  const said = useStrings(words);
  const found = useQuery({
    queryKey: ['run', run, 'environment'],
    queryFn: ({ signal }) =>
      answer<Environments>(api.GET('/api/v1/runs/{run}/environment', { params: { path: { run } }, signal })),
    staleTime: 60_000,
  });
  const start = found.data?.starts.at(-1);
  if (!found.data || !start) return null;
  const facts = [
    ...machineOf(start).map(([name, value]) => [said[name], value] as const),
    ...packagesOf(start),
    ...commitOf(start).map((value) => [said.commit, value] as const),
  ];
  const command = commandOf(start);
  const { energy_j: energy, cost } = found.data;
  if (energy !== null) facts.push([said.energy, `${figure(real(energy) / 3_600_000)} kWh`]);
  if (cost !== null) facts.push([said.cost, figure(real(cost))]);
  return (
    <section>
      <h2>{said.hardware}</h2>
      {found.data.starts.length > 1 && <p>{said.newest(found.data.starts.length)}</p>}
      <dl className={css.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd title={value}>{value}</dd>
          </div>
        ))}
        {command && (
          <div className={css.typed}>
            <dt>{said.command}</dt>
            <dd>
              <code>{command}</code>
              <CopyButton text={command} />
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

type Facts = Record<string, unknown>;
const part = (of: Facts, name: string): Facts => {
  const found = of[name];
  return typeof found === 'object' && found !== null ? (found as Facts) : {};
};
const text = (value: unknown): string | null =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;

function machineOf(start: Facts) {
  const machine = part(start, 'hardware');
  const gpus = Array.isArray(machine.gpus) ? machine.gpus.map(String) : [];
  const memory = Number(machine.memory_bytes);
  const usable = text(machine.usable_processors);
  const found = [
    ['processor', text(machine.cpu)],
    ['processors', usable && `${usable} / ${text(machine.processors) ?? usable}`],
    ['memory', memory > 0 ? bytes(memory) : null],
    ['accelerators', gpus.length ? counted(gpus) : null],
    ['host', text(start.host)],
    ['system', text(start.system)],
    ['python', text(start.python)],
  ] as const;
  return found.flatMap(([name, value]) => (value ? [[name, value] as const] : []));
}

/** `8 × H200` of eight of one name. */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name)).join(', ');
}

function packagesOf(start: Facts): [string, string][] {
  const known = part(start, 'packages');
  return PACKAGES.flatMap((name): [string, string][] => {
    const version = text(known[name]);
    return version ? [[name, version]] : [];
  });
}

function commitOf(start: Facts): string[] {
  const commit = text(part(start, 'git').commit);
  return commit ? [commit] : [];
}

/** What was typed, as one line. */
function commandOf(start: Facts): string | null {
  const { command } = start;
  return Array.isArray(command) ? command.map((word) => quoted(String(word))).join(' ') : text(command);
}
