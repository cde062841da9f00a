/** A config.json that is pasted, the model of somebody who has one that is not known; or the run.yaml of a run. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure } from '~/shared/states/States';
import { type Asked, PASTED } from './asked';
import { classOf, type Config } from './engine/model';
import type { Choices } from './forms';
import { pastedAsked } from './pasted';
import css from './plan.module.css';
import { attempt } from './source';
import { words } from './strings';

interface Props {
  start: string;
  choices: Choices;
  onUse: (asked: Partial<Asked>) => void;
  onClose: () => void;
}

export function Paste({ start, choices, onUse, onClose }: Props) {
  const said = useStrings(words);
  const [text, setText] = useState(start);
  const [wrong, setWrong] = useState<Error | null>(null);
  const use = () => {
    const asked = attempt(() => {
      const found = pastedAsked(text);
      if (found.model === PASTED) classOf(JSON.parse(found.config ?? '{}') as Config, choices.traced);
      return found;
    });
    if (!asked.data) return setWrong(asked.error);
    onUse(asked.data);
    onClose();
  };
  const foot = (
    <>
      <Button onClick={onClose}>{said.cancel}</Button>
      <Button kind="accent" onClick={use}>
        {said.use}
      </Button>
    </>
  );
  return (
    <Dialog title={said.paste} about={said.pasteAbout} open onClose={onClose} foot={foot} wide>
      <textarea
        className={css.area}
        aria-label="config.json"
        aria-invalid={wrong !== null}
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(null);
        }}
      />
      {wrong && <Failure error={wrong} />}
    </Dialog>
  );
}
