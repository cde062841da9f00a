/** Writing a report: its title and its blocks, one below the other. */
import { useState } from 'react';
import { Button, IconButton } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import type { Block, Report } from '~/shared/report/frozen';
import { useWriting } from '~/shared/report/queries';
import { BlockForm } from './BlockForm';
import { KINDS, fresh, movedBlock, ready } from './blocks';
import css from './report.module.css';
import { words } from './strings';

interface Kept {
  /** Its place in the list may change; this does not. */
  key: number;
  block: Block;
}

export function Editor({ report, onDone }: { report: Report; onDone: () => void }) {
  const said = useStrings(words);
  const { change } = useWriting();
  const [title, setTitle] = useState(report.title);
  const [blocks, setBlocks] = useState<Kept[]>(() => report.blocks.map((block, key) => ({ key, block })));
  const save = async () => {
    try {
      await change(report.id, { title, blocks: blocks.map((one) => ready(one.block)) }, report.version);
      tell(said.saved);
      onDone();
    } catch (error) {
      tellFailure(error);
    }
  };
  useKeys([{ keys: 'mod+s', does: { en: 'Save the report', zh: '保存报告' }, run: () => void save() }]);
  const set = (key: number, block: Block) =>
    setBlocks((before) => before.map((one) => (one.key === key ? { key, block } : one)));
  const add = (kind: Block['kind']) =>
    setBlocks((before) => [
      ...before,
      { key: Math.max(-1, ...before.map((one) => one.key)) + 1, block: fresh(kind) },
    ]);
  return (
    <form
      className={css.editor}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextField
        label={said.title}
        required
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      {blocks.map(({ key, block }, index) => (
        <fieldset key={key} className={css.block}>
          <legend>{said[block.kind]}</legend>
          <span className={css.tools}>
            <IconButton
              icon="ascending"
              label={said.up}
              disabled={index === 0}
              onClick={() => setBlocks(movedBlock(blocks, index, -1))}
            />
            <IconButton
              icon="descending"
              label={said.down}
              disabled={index === blocks.length - 1}
              onClick={() => setBlocks(movedBlock(blocks, index, 1))}
            />
            <IconButton
              icon="remove"
              label={said.away}
              onClick={() => setBlocks(blocks.filter((one) => one.key !== key))}
            />
          </span>
          <BlockForm block={block} onChange={(next) => set(key, next)} />
        </fieldset>
      ))}
      <p className={css.add}>
        {KINDS.map((kind) => (
          <Button key={kind} icon="add" onClick={() => add(kind)}>
            {said[kind]}
          </Button>
        ))}
      </p>
      <p className={css.foot}>
        <Button onClick={onDone}>{said.cancel}</Button>
        <Button type="submit" kind="accent">
          {said.save}
        </Button>
      </p>
    </form>
  );
}
