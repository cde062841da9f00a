/** All that is known of a box, and ways to the views that show it. */
import { Link } from '@tanstack/react-router';
import { fileOf } from '~/shared/api/files';
import { isNumeric, real } from '~/shared/api/numbers';
import { IconButton } from '~/shared/controls/Button';
import { bytes, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { titleOf } from './described';
import css from './lineage.module.css';
import type { Node } from './queries';
import { facts, words } from './strings';

export function Chosen({ run, node, onClose }: { run: string; node: Node; onClose: () => void }) {
  const said = useStrings(words);
  return (
    <section className={css.chosen} aria-label={titleOf(node, said)}>
      <div className={css.title}>
        <h2>{titleOf(node, said)}</h2>
        <IconButton icon="close" label={said.close} onClick={onClose} />
      </div>
      <dl>
        {node.path && <Fact name="path" value={node.path} />}
        {Object.entries(node.facts).map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
      <Ways run={run} node={node} />
    </section>
  );
}

function Fact({ name, value }: { name: string; value: unknown }) {
  const said: Readonly<Record<string, string>> = useStrings(facts);
  return (
    <div>
      <dt>{said[name] ?? name}</dt>
      <dd>{written(name, value)}</dd>
    </div>
  );
}

function written(name: string, value: unknown): string {
  if (name === 'bytes' && typeof value === 'number') return bytes(value);
  if (Array.isArray(value)) return value.map((one) => written('', one)).join(', ');
  return isNumeric(value) ? figure(real(value)) : String(value ?? '–');
}

function Ways({ run, node }: { run: string; node: Node }) {
  const said = useStrings(words);
  const { source, row } = node.facts;
  return (
    <div className={css.ways}>
      {node.step !== null && (
        <>
          <Way run={run} tab="lineage" search={{ step: node.step }} text={said.toStep} />
          <Way run={run} tab="samples" search={{ step: node.step }} text={said.toSamples} />
          <Way run={run} tab="console" search={{ step: node.step }} text={said.toConsole} />
        </>
      )}
      {typeof source === 'string' && typeof row === 'number' && (
        <Way run={run} tab="lineage" search={{ source, row }} text={said.toRow} />
      )}
      {(node.kind === 'input' || node.kind === 'row') && (
        <Way
          run={run}
          tab="data"
          search={node.kind === 'row' ? { source, row: Number(row) || undefined } : {}}
          text={said.toData}
        />
      )}
      {node.kind === 'evaluation' && node.path && (
        <a href={fileOf(run, node.path)} target="_blank" rel="noreferrer">
          {said.toFile}
        </a>
      )}
    </div>
  );
}

interface WayProps {
  run: string;
  tab: string;
  search: Record<string, unknown>;
  text: string;
}

function Way({ run, tab, search, text }: WayProps) {
  return (
    <Link to="/runs/$run/{-$tab}" params={{ run, tab } as never} search={search as never}>
      {text}
    </Link>
  );
}
