/** Setting what every promotion to an alias requires. */
import { useId, useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { type RegisteredModel, useChanges } from '~/shared/api/registry';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { Form } from '~/shared/controls/Form';
import { words } from './strings';

interface Props {
  model: RegisteredModel;
  /** The alias whose policy is changed; empty where it is to be named. */
  of: string;
  onClose: () => void;
}

export function PolicyForm({ model, of, onClose }: Props) {
  const said = useStrings(words);
  const list = useId();
  const { setPolicy } = useChanges(model.name);
  const [alias, setAlias] = useState(of);
  const [require, setRequire] = useState(model.policies[of] ?? '');
  const [failure, setFailure] = useState('');
  const submit = async () => {
    try {
      await setPolicy(alias, require);
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const line = `whet registry policy ${quoted(model.name)} ${quoted(alias || 'ALIAS')} ${quoted(require || 'FILTER')}`;
  return (
    <Dialog title={said.policySet} about={said.policiesAbout} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        <TextField
          label={said.to}
          list={list}
          required
          readOnly={of !== ''}
          autoComplete="off"
          value={alias}
          onChange={(event) => setAlias(event.target.value.replace(/^@/, ''))}
        />
        <datalist id={list}>
          {Object.keys(model.aliases).map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <TextField
          label={said.require}
          about={said.policyExample}
          required
          autoFocus={of !== ''}
          autoComplete="off"
          spellCheck={false}
          value={require}
          error={failure}
          onChange={(event) => setRequire(event.target.value)}
        />
        <Command line={line} />
        <Button type="submit" kind="accent">
          {said.save}
        </Button>
      </Form>
    </Dialog>
  );
}
