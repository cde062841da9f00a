/** What is said of a model: its description and tags. */
import { useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { type RegisteredModel, useChanges } from '~/shared/api/registry';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { Form } from '~/shared/controls/Form';
import { words } from './strings';
import { changed, read, written } from './tags';

export function Describe({ model, onClose }: { model: RegisteredModel; onClose: () => void }) {
  const said = useStrings(words);
  const { patch } = useChanges(model.name);
  const [description, setDescription] = useState(model.description);
  const [tags, setTags] = useState(written(model.tags));
  const [failure, setFailure] = useState('');
  const submit = async () => {
    const found = read(tags);
    if (typeof found === 'string') return setFailure(said.badTag(found));
    const isOther = description !== model.description;
    try {
      await patch({ tags: changed(model.tags, found), ...(isOther ? { description } : {}) });
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <Dialog title={model.name} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        <TextField
          label={said.description}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
        <TextField
          label={said.tags}
          about={said.tagsAbout}
          value={tags}
          error={failure}
          onChange={(event) => setTags(event.target.value)}
        />
        <Button type="submit" kind="accent">
          {said.save}
        </Button>
      </Form>
    </Dialog>
  );
}
