/** Entering a run for a board. What it lacks is said here. */
import { useState } from 'react';
import { type Board, useEntering } from '~/shared/api/boards';
import { messageOf } from '~/shared/api/failure';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { RunField } from '~/shared/run/RunField';
import { Form } from '~/shared/controls/Form';
import { words } from './strings';

export function Enter({ board, onClose }: { board: Board; onClose: () => void }) {
  const said = useStrings(words);
  const { enter } = useEntering(board.id);
  const [run, setRun] = useState('');
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState('');
  const submit = async () => {
    try {
      await enter(run, note);
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <Dialog title={said.enter} about={said.enterAbout} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        <RunField label={said.run} required value={run} error={failure} onChange={setRun} />
        <TextField label={said.note} value={note} onChange={(event) => setNote(event.target.value)} />
        <Button type="submit" kind="accent">
          {said.enter}
        </Button>
      </Form>
    </Dialog>
  );
}
