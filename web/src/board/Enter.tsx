/** Entering a run for a board. What it lacks is said here. */
import { type FormEvent, useState } from 'react';
import { type Board, useEntering } from '~/shared/api/boards';
import { ApiError } from '~/shared/api/client';
import { useRuns } from '~/shared/api/runs';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { SelectField, TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import css from './board.module.css';
import { words } from './strings';

export function Enter({ board, onClose }: { board: Board; onClose: () => void }) {
  const said = useStrings(words);
  const { enter } = useEntering(board.id);
  const runs = useRuns({});
  const [run, setRun] = useState('');
  const [note, setNote] = useState('');
  const [failure, setFailure] = useState('');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await enter(run, note);
      onClose();
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error));
    }
  };
  return (
    <Dialog title={said.enter} about={said.enterAbout} open onClose={onClose}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <SelectField
          label={said.run}
          required
          value={run}
          error={failure}
          onChange={(e) => setRun(e.target.value)}
        >
          <option value="" />
          {(runs.data?.runs ?? []).map((one) => (
            <option key={one.name}>{one.name}</option>
          ))}
        </SelectField>
        <TextField label={said.note} value={note} onChange={(event) => setNote(event.target.value)} />
        <Button type="submit" kind="accent">
          {said.enter}
        </Button>
      </form>
    </Dialog>
  );
}
