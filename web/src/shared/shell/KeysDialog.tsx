/** The keys that are heard now. */
import { Dialog } from '~/shared/controls/Dialog';
import { useStrings, useWords } from '~/shared/i18n/i18n';
import { type Key, useHeard } from '~/shared/keys/keys';
import css from './palette.module.css';
import { words } from './strings';

const NAMES: Readonly<Record<string, string>> = {
  mod: navigator.platform.startsWith('Mac') ? '⌘' : 'Ctrl',
  shift: '⇧',
  Enter: '↵',
  Escape: 'Esc',
};

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const said = useStrings(words);
  const word = useWords();
  const heard: readonly Key[] = useHeard();
  return (
    <Dialog title={said.keysOf} open={open} onClose={onClose}>
      <dl className={css.keys}>
        {heard.map((one) => (
          <Row key={one.keys} keys={one.keys} does={word(one.does)} />
        ))}
      </dl>
    </Dialog>
  );
}

function Row({ keys, does }: { keys: string; does: string }) {
  return (
    <>
      <dt>
        {keys.split(/[ +]/).map((part, index) => (
          <kbd key={index}>{NAMES[part] ?? part}</kbd>
        ))}
      </dt>
      <dd>{does}</dd>
    </>
  );
}
