/** Removing a version: its size and who refers to it are said first. */
import { type VersionPage, useChanges } from '~/shared/api/registry';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { bytes } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './model.module.css';
import { words } from './strings';

interface Props {
  page: VersionPage;
  onCancel: () => void;
  onDone: () => void;
}

export function Remove({ page, onCancel, onDone }: Props) {
  const said = useStrings(words);
  const { name: model, version, bytes: size } = page.row;
  const { remove } = useChanges(model);
  const name = `${model}/${version}`;
  const isReferred = page.referring.length > 0;
  const yes = () =>
    remove(version, isReferred).then((done) => {
      onDone();
      tell(said.removed(name, bytes(done.freed_bytes)));
    }, tellFailure);
  return (
    <div className={css.form}>
      <p>{said.removeAbout(name, bytes(size))}</p>
      {isReferred && (
        <>
          <p>{said.removeReferred}</p>
          <ul className={css.referring}>
            {page.referring.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </>
      )}
      <Command line={`whet registry remove ${quoted(name)}${isReferred ? ' --force' : ''}`} />
      <div className={css.buttons}>
        <Button onClick={onCancel}>{said.cancel}</Button>
        <Button kind="danger" icon="remove" onClick={() => void yes()}>
          {said.removeYes}
        </Button>
      </div>
    </div>
  );
}
