/** What can be done with the runs that are selected. */
import { useState } from 'react';
import { useEdit } from '~/shared/api/edits';
import type { RunRow } from '~/shared/api/runs';
import { may, useSession } from '~/shared/api/session';
import { Button, IconButton } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { TextField } from '~/shared/controls/Field';
import { Menu, MenuItem } from '~/shared/controls/Menu';
import { useStrings } from '~/shared/i18n/i18n';
import css from './runs.module.css';
import { words } from './strings';

type Asked = 'tag' | 'untag' | 'note' | 'group';

interface Props {
  rows: readonly RunRow[];
  onClear: () => void;
  onCompare: () => void;
}

export function Selection({ rows, onClear, onCompare }: Props) {
  const said = useStrings(words);
  const session = useSession().data;
  return (
    <div className={css.selection} role="toolbar" aria-label={said.selected(rows.length)}>
      <b>{said.selected(rows.length)}</b>
      <Button kind="accent" icon="compare" onClick={onCompare} disabled={rows.length < 2}>
        {said.compare}
      </Button>
      {rows.every((row) => may(session, 'editor', row.project)) && <Edits rows={rows} onClear={onClear} />}
      <IconButton icon="close" label={said.clear} onClick={onClear} />
    </div>
  );
}

/** What those who may change the runs can do with them. */
function Edits({ rows, onClear }: Pick<Props, 'rows' | 'onClear'>) {
  const said = useStrings(words);
  const edit = useEdit();
  const [asked, setAsked] = useState<Asked | null>(null);
  const names = rows.map((row) => row.name);
  const isPinned = rows.every((row) => row.pinned);
  const isArchived = rows.every((row) => row.archived);
  const archive = () => {
    const what = isArchived ? said.restored : said.archived;
    edit.mutate({ names, set: { archived: !isArchived }, said: what(names.length) }, { onSuccess: onClear });
  };
  const pin = () =>
    edit.mutate({
      names,
      set: { pinned: !isPinned },
      said: said.changed(names.length, isPinned ? said.unpin : said.pin),
    });
  const typed = (what: Asked, text: string) => {
    const changes = {
      tag: { add_tags: [text] },
      untag: { remove_tags: [text] },
      note: { set: { notes: text } },
      group: { set: { group: text } },
    };
    edit.mutate({ names, ...changes[what], said: said.changed(names.length, text) });
  };
  return (
    <>
      <Button icon="tag" onClick={() => setAsked('tag')}>
        {said.tag}
      </Button>
      <Button icon="pin" onClick={pin}>
        {isPinned ? said.unpin : said.pin}
      </Button>
      <Button icon="archive" onClick={archive}>
        {isArchived ? said.restore : said.archive}
      </Button>
      <Menu label={said.more} icon="more">
        <MenuItem onSelect={() => setAsked('note')}>{said.note}</MenuItem>
        <MenuItem onSelect={() => setAsked('group')}>{said.setGroup}</MenuItem>
        <MenuItem onSelect={() => setAsked('untag')}>{said.untag}</MenuItem>
      </Menu>
      {asked && (
        <Ask what={asked} rows={rows} onClose={() => setAsked(null)} onDone={(text) => typed(asked, text)} />
      )}
    </>
  );
}

interface AskProps {
  what: Asked;
  rows: readonly RunRow[];
  onClose: () => void;
  onDone: (text: string) => void;
}

/** A text for all of them. */
function Ask({ what, rows, onClose, onDone }: AskProps) {
  const said = useStrings(words);
  const [text, setText] = useState(what === 'note' && rows.length === 1 ? (rows[0]?.notes ?? '') : '');
  const title = { tag: said.tagAbout, untag: said.untagAbout, note: said.noteAbout, group: said.groupAbout }[
    what
  ](rows.length);
  const label = { tag: said.tag, untag: said.untag, note: said.note, group: said.group }[what];
  return (
    <Dialog title={title} open onClose={onClose}>
      <form
        className={css.ask}
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          onDone(text.trim());
        }}
      >
        <TextField
          label={label}
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
          list="known-tags"
        />
        <datalist id="known-tags">
          {[...new Set(rows.flatMap((row) => row.tags))].map((tag) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
        <Button kind="accent" type="submit" disabled={!text.trim() && what !== 'note' && what !== 'group'}>
          {said.apply}
        </Button>
      </form>
    </Dialog>
  );
}
