/** The chosen line: whole, when and by whom it was printed, and ways to what else happened then. */
import { Link } from '@tanstack/react-router';
import { IconButton } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { Time } from '~/shared/format/Time';
import { whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './console.module.css';
import type { Line } from './queries';
import { words } from './strings';

// Steps of the curves before and behind it.
const AROUND = 20;

export function Chosen({ run, line, onClose }: { run: string; line: Line; onClose: () => void }) {
  const said = useStrings(words);
  const steps = { from: String(Math.max(0, line.step - AROUND)), to: String(line.step + AROUND) };
  return (
    <section className={css.chosen} aria-label={said.chosen}>
      <p className={css.chosenAbout}>
        <b>{said.lineAt(whole(line.number + 1), whole(line.step))}</b>
        <span>{line.stream}</span>
        <Time time={line.time} />
        <Link
          to="/runs/$run/{-$tab}"
          params={{ run, tab: 'samples' } as never}
          search={{ step: String(line.step) } as never}
        >
          {said.rows} →
        </Link>
        <Link to="/runs/$run/{-$tab}" params={{ run, tab: undefined } as never} search={steps as never}>
          {said.curves} →
        </Link>
        <CopyButton text={line.text} />
        <IconButton icon="close" label={said.close} onClick={onClose} />
      </p>
      <pre tabIndex={0}>{line.text}</pre>
    </section>
  );
}
