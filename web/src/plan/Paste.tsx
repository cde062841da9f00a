/** A config.json that is pasted: the model of somebody who has one that is not known. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { useStrings } from '~/shared/i18n/i18n';
import css from './plan.module.css';
import { words } from './strings';

interface Props {
  start: string;
  onUse: (config: string) => void;
  onClose: () => void;
}

export function Paste({ start, onUse, onClose }: Props) {
  const said = useStrings(words);
  const [text, setText] = useState(start);
  const [isWrong, setWrong] = useState(false);
  const use = () => {
    if (!isObject(text)) return setWrong(true);
    onUse(text);
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
        aria-invalid={isWrong}
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
      />
      {isWrong && (
        <p role="alert" className={css.no}>
          {said.noObject}
        </p>
      )}
    </Dialog>
  );
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
