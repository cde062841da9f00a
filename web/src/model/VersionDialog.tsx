/** A version in full, and what can be done to it: one dialog, in which one thing is shown at a time. */
import { useState } from 'react';
import { type RegisteredModel, useVersion } from '~/shared/api/registry';
import { Button } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { Dialog } from '~/shared/controls/Dialog';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { AliasForm } from './AliasForm';
import { Facts } from './Facts';
import { Files } from './Files';
import css from './model.module.css';
import { Promote } from './Promote';
import { Remove } from './Remove';
import { words } from './strings';
import { VersionAliases } from './VersionAliases';

interface Props {
  model: RegisteredModel;
  number: number;
  mayChange: boolean;
  onClose: () => void;
}

type Doing = 'reading' | 'promoting' | 'naming' | 'removing';

export function VersionDialog({ model, number, mayChange, onClose }: Props) {
  const said = useStrings(words);
  const found = useVersion(model.name, number);
  const [doing, setDoing] = useState<Doing>('reading');
  const back = () => setDoing('reading');
  const name = `${model.name}/${number}`;
  const page = found.data;
  const isReading = doing === 'reading';
  const foot = mayChange && page && isReading && (
    <>
      <Button kind="danger" icon="remove" onClick={() => setDoing('removing')}>
        {said.remove}
      </Button>
      <Button icon="tag" onClick={() => setDoing('naming')}>
        {said.setAlias}
      </Button>
      <Button kind="accent" onClick={() => setDoing('promoting')}>
        {said.promote}
      </Button>
    </>
  );
  const titles: Record<Doing, string> = {
    reading: name,
    promoting: `${said.promote}: ${name}`,
    naming: `${said.setAlias}: ${name}`,
    removing: `${said.remove}: ${name}`,
  };
  return (
    <Dialog title={titles[doing]} open wide={isReading} onClose={isReading ? onClose : back} foot={foot}>
      {found.isPending && <Loading />}
      {found.isError && !page && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {page && isReading && (
        <div className={css.version}>
          <VersionAliases model={model} aliases={page.row.alias} mayChange={mayChange} />
          {page.row.description && <p>{page.row.description}</p>}
          <p className={css.path}>
            <code>registry:{name}</code>
            <CopyButton text={`registry:${name}`} />
          </p>
          <Facts page={page} />
          <Files page={page} mayVerify={mayChange} />
          <section>
            <h3>{said.referring}</h3>
            {page.referring.length ? (
              <ul className={css.referring}>
                {page.referring.map((one) => (
                  <li key={one}>{one}</li>
                ))}
              </ul>
            ) : (
              <p className={css.small}>{said.referringNone}</p>
            )}
          </section>
        </div>
      )}
      {page && doing === 'promoting' && <Promote model={model} row={page.row} onDone={back} />}
      {page && doing === 'naming' && <AliasForm model={model} number={number} onDone={back} />}
      {page && doing === 'removing' && <Remove page={page} onCancel={back} onDone={onClose} />}
    </Dialog>
  );
}
