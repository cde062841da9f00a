/** Cards of the same kind of device that hold it, the smallest first. */
import { Button } from '~/shared/controls/Button';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Asked } from './asked';
import { evaluated } from './evaluated';
import type { Card, Choices, Forms } from './forms';
import css from './plan.module.css';
import { words } from './strings';

interface Props {
  forms: Forms;
  asked: Asked;
  card: Card;
  choices: Choices;
  onTake: (gpu: string) => void;
}

const SHOWN = 14;

export function Holding({ forms, asked, card, choices, onTake }: Props) {
  const said = useStrings(words);
  const alike = choices.cards.filter(
    (one) =>
      one.device === card.device &&
      (one.kind === 'cpu') === (card.kind === 'cpu') &&
      // What multiplies in bf16 is not taken to a card that has no units for it.
      (card.figures.bf16 === undefined || one.figures.bf16 !== undefined) &&
      one.vendor === card.vendor,
  );
  const holding = alike
    .filter((one) => evaluated(forms, asked, one, choices.assumed).fits)
    .sort((one, other) => one.usable_bytes - other.usable_bytes)
    .slice(0, SHOWN);
  return (
    <section>
      <h2>{said.others}</h2>
      {holding.length === 0 ? (
        <p>{said.othersNone}</p>
      ) : (
        <div className={css.chips}>
          {holding.map((one) => (
            <Button key={one.name} pressed={one.name === card.name} onClick={() => onTake(one.name)}>
              {one.name} <small>{figure(one.figures.memory ?? 0)} GB</small>
            </Button>
          ))}
        </div>
      )}
    </section>
  );
}
