/** A form for somebody new, or for another role of somebody who is there. */
import { useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { SelectField, TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { Form } from '~/shared/controls/Form';
import { type Person, useChanges } from './queries';
import { words } from './strings';

interface Props {
  person: Person | null;
  onClose: () => void;
  onInvited: (name: string, word: string) => void;
}

export function PersonForm({ person, onClose, onInvited }: Props) {
  const said = useStrings(words);
  const { add, give } = useChanges();
  const [name, setName] = useState(person?.name ?? '');
  const [project, setProject] = useState('*');
  const [role, setRole] = useState<string>(person?.roles['*'] ?? 'viewer');
  const [failure, setFailure] = useState('');
  const submit = async () => {
    try {
      if (person) await give(name, role, project);
      else onInvited(name, (await add(name, role, project)).invitation);
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const roles = person
    ? (['viewer', 'editor', 'admin', 'none'] as const)
    : (['viewer', 'editor', 'admin'] as const);
  return (
    <Dialog title={person ? `${said.change}: ${person.name}` : said.add} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        {!person && (
          <TextField
            label={said.name}
            required
            autoFocus
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        <SelectField label={said.role} value={role} onChange={(event) => setRole(event.target.value)}>
          {roles.map((one) => (
            <option key={one} value={one}>
              {said[one]}
            </option>
          ))}
        </SelectField>
        <TextField
          label={said.project}
          about={said.projectAbout}
          required
          value={project}
          error={failure}
          onChange={(event) => setProject(event.target.value)}
        />
        <Button type="submit" kind="accent">
          {person ? said.save : said.add}
        </Button>
      </Form>
    </Dialog>
  );
}
