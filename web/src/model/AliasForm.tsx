/** Letting an alias mean a version. */
import { useId, useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { type RegisteredModel, useChanges } from '~/shared/api/registry';
import { Button } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import { Form } from '~/shared/controls/Form';
import css from './model.module.css';
import { words } from './strings';

interface Props {
  model: RegisteredModel;
  number: number;
  onDone: () => void;
}

export function AliasForm({ model, number, onDone }: Props) {
  const said = useStrings(words);
  const list = useId();
  const { setAlias, restoreAlias, removeAlias } = useChanges(model.name);
  const [alias, setName] = useState('');
  const [failure, setFailure] = useState('');
  const submit = async () => {
    const before = model.aliases[alias];
    try {
      await setAlias(alias, number);
      const undo = () => (before === undefined ? removeAlias(alias) : restoreAlias(alias, before));
      tell(said.promoted(alias, `${model.name}/${number}`), () => void undo().catch(tellFailure));
      onDone();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <Form onSubmit={() => void submit()}>
      <p className={css.small}>{said.setAliasAbout}</p>
      <TextField
        label={said.to}
        list={list}
        required
        autoFocus
        autoComplete="off"
        value={alias}
        error={failure}
        onChange={(event) => setName(event.target.value.replace(/^@/, ''))}
      />
      <datalist id={list}>
        {Object.keys(model.aliases).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <div className={css.buttons}>
        <Button onClick={onDone}>{said.cancel}</Button>
        <Button type="submit" kind="accent">
          {said.setAlias}
        </Button>
      </div>
    </Form>
  );
}
