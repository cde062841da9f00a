/** Lineage: from rows of data over steps and checkpoints to models and evaluations. */
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { PickNumber } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { Chosen } from './Chosen';
import { Drawn } from './Drawn';
import { nameOf } from './described';
import css from './lineage.module.css';
import { type About, useLineage } from './queries';
import { words } from './strings';

const NONE = { step: undefined, source: undefined, row: undefined, node: undefined };

export default function Lineage() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const about = aboutOf(address);
  const found = useLineage(run, about);
  if (found.isPending) return <Loading rows={8} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const graph = found.data;
  const chosen = graph.nodes.find((node) => node.id === address.node);
  const isWhole = about.step === undefined && about.source === undefined;
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <PickNumber
          label={said.step}
          value={about.step}
          onChange={(step) => change({ ...NONE, step: step === undefined ? undefined : String(step) })}
        />
        {!isWhole && <Button onClick={() => change(NONE)}>{said.whole}</Button>}
        <p className={css.about}>{sentence(about, said)}</p>
      </div>
      {graph.is_partial && <Partial>{said.partial}</Partial>}
      {graph.nodes.length ? (
        <Drawn
          graph={graph}
          chosen={chosen?.id}
          onChoose={(id) => change({ node: id === chosen?.id ? undefined : id })}
        />
      ) : (
        <Empty title={isWhole ? said.empty : said.nothing}>{said.emptyHint}</Empty>
      )}
      {chosen && <Chosen run={run} node={chosen} onClose={() => change({ node: undefined })} />}
      <Command line={commandOf(run, about)} />
    </div>
  );
}

/** The command that prints the same. */
function commandOf(run: string, { step, source, row }: About): string {
  const whole = `whet show ${quoted(run)} --part lineage`;
  if (source !== undefined) return `${whole} --row ${quoted(`${source}#${row ?? 0}`)}`;
  return step === undefined ? whole : `${whole} --step ${step}`;
}

function aboutOf(address: Readonly<Record<string, string | undefined>>): About {
  if (address.source !== undefined && address.row !== undefined)
    return { source: address.source, row: Math.max(0, Number(address.row) || 0) };
  return address.step === undefined ? {} : { step: Math.max(0, Math.round(Number(address.step)) || 0) };
}

function sentence(about: About, said: ReturnType<typeof useStrings<typeof words>>): string {
  if (about.source !== undefined) return said.aboutRow(about.row ?? 0, nameOf(about.source));
  return about.step === undefined ? said.about : said.aboutStep(String(about.step));
}
