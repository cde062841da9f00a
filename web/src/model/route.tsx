/** A model of the registry: what is said of it, its versions with their aliases, and what was done to it. */
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { type RegisteredModel, useModel } from '~/shared/api/registry';
import { may, useSession } from '~/shared/api/session';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { listOf, listed, useAddress } from '~/shared/url/search';
import { PageHead } from '~/shared/page/PageHead';
import { Compared } from './Compared';
import { Describe } from './Describe';
import { History } from './History';
import css from './model.module.css';
import { Policies } from './Policies';
import { words } from './strings';
import { VersionDialog } from './VersionDialog';
import { Versions } from './Versions';

export default function Model() {
  const { model: name = '' } = useParams({ strict: false }) as { model?: string };
  const said = useStrings(words);
  const found = useModel(name);
  const session = useSession();
  const [address, change] = useAddress();
  if (found.isPending) return <Loading rows={10} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const model = found.data;
  const mayChange = may(session.data, 'editor');
  const open = (version?: number) => change({ version: version?.toString() }, { push: true });
  const opened = model.versions.find((one) => String(one.version) === address.version);
  const known = new Set(model.versions.map((one) => one.version));
  const compared = listOf(address.compare)
    .map(Number)
    .filter((one) => known.has(one));
  const [first, second] = compared;
  return (
    <div className={css.page}>
      <Head model={model} mayChange={mayChange} />
      {model.versions.length ? (
        <section>
          <h2>{said.versions}</h2>
          <Versions
            model={model}
            compared={compared}
            onOpen={open}
            onCompare={(versions) => change({ compare: listed(versions.map(String)) })}
          />
          {compared.length === 1 && <p className={css.small}>{said.compareOne}</p>}
        </section>
      ) : (
        <Empty title={said.none} command={`whet registry add RUN --name ${quoted(name)}`} />
      )}
      {first !== undefined && second !== undefined && <Compared name={name} first={first} second={second} />}
      <Policies model={model} mayChange={mayChange} />
      <History name={name} />
      <Command line={commandOf(name, opened?.version, first, second)} />
      {opened && (
        <VersionDialog
          key={opened.version}
          model={model}
          number={opened.version}
          mayChange={mayChange}
          onClose={() => open()}
        />
      )}
    </div>
  );
}

/** The command that shows the same: two versions, one, or the model. */
function commandOf(name: string, opened?: number, first?: number, second?: number): string {
  if (opened !== undefined) return `whet registry show ${quoted(`${name}/${opened}`)}`;
  if (first === undefined || second === undefined) return `whet registry show ${quoted(name)}`;
  return `whet registry compare ${quoted(`${name}/${first}`)} ${quoted(`${name}/${second}`)}`;
}

function Head({ model, mayChange }: { model: RegisteredModel; mayChange: boolean }) {
  const said = useStrings(words);
  const [isEditing, setEditing] = useState(false);
  const tags = Object.entries(model.tags);
  return (
    <PageHead
      title={model.name}
      about={
        <>
          {model.description && <p>{model.description}</p>}
          {tags.length > 0 && (
            <ul className={css.tags} aria-label={said.tags}>
              {tags.map(([key, value]) => (
                <li key={key}>
                  {key}={value}
                </li>
              ))}
            </ul>
          )}
        </>
      }
    >
      {mayChange && <Button onClick={() => setEditing(true)}>{said.edit}</Button>}
      {isEditing && <Describe model={model} onClose={() => setEditing(false)} />}
    </PageHead>
  );
}
