/** A name that nothing is known of: said in words, with the nearest that are known. */
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { type Named, nearest } from './found';
import css from './plan.module.css';
import { words } from './strings';

interface Props {
  what: string;
  all: readonly Named[];
  typed: string;
  onTake: (name: string) => void;
}

export function Unknown({ what, all, typed, onTake }: Props) {
  const said = useStrings(words);
  return (
    <section role="alert">
      <h2>{what}</h2>
      <p>{said.didYouMean}</p>
      <div className={css.chips}>
        {nearest(all, typed).map((one) => (
          <Button key={one.name} onClick={() => onTake(one.name)}>
            {one.name}
          </Button>
        ))}
      </div>
    </section>
  );
}
