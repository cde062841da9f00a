/** Which part of a comparison is seen: its curves and settings, or what was measured. */
import { useStrings } from '~/shared/i18n/i18n';
import css from './compare.module.css';
import { words } from './strings';
import { type CompareView, PARTS } from './view';

interface Props {
  view: CompareView;
  onChange: (change: Partial<CompareView>) => void;
}

export function Parts({ view, onChange }: Props) {
  const said = useStrings(words);
  return (
    <div className={css.parts} role="group" aria-label={said.parts}>
      {PARTS.map((part) => (
        <button key={part} type="button" aria-pressed={part === view.part} onClick={() => onChange({ part })}>
          {said[part]}
        </button>
      ))}
    </div>
  );
}
