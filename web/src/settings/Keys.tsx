/** Keys: what programs ask with. A new one is shown once. */
import { useState } from 'react';
import { Button, IconButton } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { Confirm, Dialog } from '~/shared/controls/Dialog';
import { SelectField, TextField } from '~/shared/controls/Field';
import { tellFailure } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { Form } from '~/shared/controls/Form';
import { type Key, useChanges, useKeys } from './queries';
import css from './settings.module.css';
import { words } from './strings';

export function Keys({ isAdmin }: { isAdmin: boolean }) {
  const said = useStrings(words);
  const found = useKeys();
  const [isMaking, setMaking] = useState(false);
  return (
    <section>
      <div className={css.line}>
        <h2>{said.keys}</h2>
        <Button icon="add" onClick={() => setMaking(true)}>
          {said.newKey}
        </Button>
      </div>
      <p>{said.keysAbout}</p>
      {found.isPending && <Loading rows={2} />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      {found.data &&
        (found.data.keys.length ? (
          <KeyTable keys={found.data.keys} isAdmin={isAdmin} />
        ) : (
          <p className={css.nothing}>{said.noKeys}</p>
        ))}
      {isMaking && <NewKey onClose={() => setMaking(false)} />}
    </section>
  );
}

function KeyTable({ keys, isAdmin }: { keys: Key[]; isAdmin: boolean }) {
  const said = useStrings(words);
  const { removeKey } = useChanges();
  const [leaving, setLeaving] = useState<Key | null>(null);
  return (
    <>
      <PlainTable label={said.keys}>
        <thead>
          <tr>
            <th>{said.label}</th>
            {isAdmin && <th>{said.owner}</th>}
            <th>{said.role}</th>
            <th>{said.made}</th>
            <th>{said.used}</th>
            <th aria-label={said.remove} />
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>{key.label || `#${key.id}`}</td>
              {isAdmin && <td>{key.person}</td>}
              <td>{said[key.role]}</td>
              <td>
                <Time time={key.made} />
              </td>
              <td>{key.seen === null ? said.never : <Time time={key.seen} />}</td>
              <td>
                <IconButton icon="remove" label={said.remove} onClick={() => setLeaving(key)} />
              </td>
            </tr>
          ))}
        </tbody>
      </PlainTable>
      <Confirm
        title={said.removeKey}
        about={said.removeKeyAbout}
        does={said.remove}
        danger
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        onYes={() => leaving && removeKey(leaving.id).catch(tellFailure)}
      />
    </>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const said = useStrings(words);
  const { makeKey } = useChanges();
  const [label, setLabel] = useState('');
  const [role, setRole] = useState('viewer');
  const [key, setKey] = useState<string | null>(null);
  const submit = async () => {
    try {
      setKey((await makeKey(label, role)).key);
    } catch (error) {
      tellFailure(error);
    }
  };
  return (
    <Dialog title={said.newKey} about={key === null ? undefined : said.keyOnce} open onClose={onClose}>
      {key === null ? (
        <Form onSubmit={() => void submit()}>
          <TextField
            label={said.label}
            value={label}
            autoFocus
            onChange={(event) => setLabel(event.target.value)}
          />
          <SelectField label={said.role} value={role} onChange={(event) => setRole(event.target.value)}>
            {(['viewer', 'editor', 'admin'] as const).map((one) => (
              <option key={one} value={one}>
                {said[one]}
              </option>
            ))}
          </SelectField>
          <Button type="submit" kind="accent">
            {said.newKey}
          </Button>
        </Form>
      ) : (
        <p className={css.secret}>
          <code>{key}</code>
          <CopyButton text={key} />
        </p>
      )}
    </Dialog>
  );
}
