/** The model of a run becomes a version: of which model, with which alias. */
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { useAdding } from '~/shared/api/registry';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { RunField } from '~/shared/run/RunField';
import { Form } from '~/shared/controls/Form';
import { words } from './strings';

export function NewVersion({ models, onClose }: { models: readonly string[]; onClose: () => void }) {
  const said = useStrings(words);
  const list = useId();
  const navigate = useNavigate();
  const add = useAdding();
  const [run, setRun] = useState('');
  const [name, setName] = useState('');
  const [alias, setAlias] = useState('');
  const [description, setDescription] = useState('');
  const [failure, setFailure] = useState('');
  const [isAdding, setAdding] = useState(false);
  const submit = async () => {
    setAdding(true);
    try {
      const version = await add(name, run, description, alias);
      void navigate({
        to: '/registry/$model',
        params: { model: name } as never,
        search: { version: String(version) } as never,
      });
    } catch (error) {
      setFailure(messageOf(error));
      setAdding(false);
    }
  };
  const more = [
    alias && ` --alias ${quoted(alias)}`,
    description && ` --description ${quoted(description)}`,
  ].join('');
  return (
    <Dialog title={said.add} about={said.addAbout} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        <RunField label={said.run} required value={run} error={failure} onChange={setRun} />
        <TextField
          label={said.name}
          list={list}
          required
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <datalist id={list}>
          {models.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <TextField
          label={said.aliasMaybe}
          autoComplete="off"
          value={alias}
          onChange={(event) => setAlias(event.target.value.replace(/^@/, ''))}
        />
        <TextField
          label={said.description}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <Command line={`whet registry add ${quoted(run || 'RUN')} --name ${quoted(name || 'NAME')}${more}`} />
        <Button type="submit" kind="accent" disabled={isAdding}>
          {isAdding ? said.adding : said.add}
        </Button>
      </Form>
    </Dialog>
  );
}
