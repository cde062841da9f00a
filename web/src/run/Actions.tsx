/** What can be done with the run: stop it, have a checkpoint written, pin it, note something, put it away. */
import { useState } from 'react';
import { useEdit } from '~/shared/api/edits';
import { useControl } from '~/shared/api/run';
import type { RunPage } from '~/shared/api/runs';
import { may, useSession } from '~/shared/api/session';
import { Button } from '~/shared/controls/Button';
import { Confirm, Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { Menu, MenuItem } from '~/shared/controls/Menu';
import { useStrings } from '~/shared/i18n/i18n';
import css from './run.module.css';
import { words } from './strings';

/** Nothing where whoever looks may only read. */
export function Actions({ page }: { page: RunPage }) {
  return may(useSession().data, 'editor', page.project) ? <Allowed page={page} /> : null;
}

function Allowed({ page }: { page: RunPage }) {
  const said = useStrings(words);
  const edit = useEdit();
  const control = useControl(page.name);
  const [asked, setAsked] = useState<'stop' | 'checkpoint' | 'note' | null>(null);
  const close = () => setAsked(null);
  const set = (values: { pinned?: boolean; archived?: boolean; notes?: string }, what: string) =>
    edit.mutate({ names: [page.name], set: values, said: said.edited(page.name, what) });
  return (
    <div className={css.actions}>
      {page.status === 'running' && page.is_controlled && (
        <>
          <Button icon="save" onClick={() => setAsked('checkpoint')}>
            {said.save}
          </Button>
          <Button kind="danger" icon="stop" onClick={() => setAsked('stop')}>
            {said.stop}
          </Button>
        </>
      )}
      <Menu label={said.more} icon="more">
        <MenuItem onSelect={() => set({ pinned: !page.pinned }, page.pinned ? said.unpin : said.pin)}>
          {page.pinned ? said.unpin : said.pin}
        </MenuItem>
        <MenuItem onSelect={() => setAsked('note')}>{said.note}</MenuItem>
        <MenuItem
          onSelect={() => set({ archived: !page.archived }, page.archived ? said.restore : said.archive)}
        >
          {page.archived ? said.restore : said.archive}
        </MenuItem>
      </Menu>
      <Confirm
        title={said.stopTitle(page.name)}
        about={said.stopAbout(page.name)}
        does={said.stop}
        danger
        open={asked === 'stop'}
        onClose={close}
        onYes={() => control.mutate({ word: 'stop', said: said.stopped })}
      />
      <Confirm
        title={said.saveTitle}
        about={said.saveAbout}
        does={said.save}
        open={asked === 'checkpoint'}
        onClose={close}
        onYes={() => control.mutate({ word: 'checkpoint', said: said.saved })}
      />
      {asked === 'note' && <Note page={page} onClose={close} onDone={(notes) => set({ notes }, said.note)} />}
    </div>
  );
}

function Note({
  page,
  onClose,
  onDone,
}: {
  page: RunPage;
  onClose: () => void;
  onDone: (notes: string) => void;
}) {
  const said = useStrings(words);
  const [text, setText] = useState(page.notes);
  return (
    <Dialog title={said.noteOf(page.name)} open onClose={onClose}>
      <form
        className={css.noteForm}
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          onDone(text);
        }}
      >
        <TextField
          label={said.note}
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button kind="accent" type="submit">
          {said.apply}
        </Button>
      </form>
    </Dialog>
  );
}
