/** Which cards hold it, of every vendor, the smallest first; and of those that do not, how much they lack. */
import { Button } from '~/shared/controls/Button';
import { bytes, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Asked } from './asked';
import { evaluated } from './evaluated';
import type { Assumed, Card, Choices, Forms } from './forms';
import css from './plan.module.css';
import { questionOf, useForms } from './source';
import { words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  choices: Choices;
  pasted: string | null;
  onTake: (gpu: string) => void;
}

const HOLD = 8;
const LACK = 3;
const VENDORS: Readonly<Record<string, string>> = {
  nvidia: 'NVIDIA',
  amd: 'AMD',
  apple: 'Apple',
  intel: 'Intel',
  huawei: 'Huawei',
};

export function Holding({ asked, card, choices, pasted, onTake }: Props) {
  const said = useStrings(words);
  const groups = [...new Set(choices.cards.filter((one) => one.kind !== 'cpu').map((one) => one.vendor))];
  // The forms of a vendor's cards differ by what each card tells alone: those of one of them are those of all.
  const of = (vendor: string) => choices.cards.filter((one) => one.vendor === vendor && one.kind !== 'cpu');
  const chosen = groups.map((vendor) => {
    const own =
      card.vendor !== vendor && goes(asked, vendor)
        ? of(vendor).find((one) => hasUnits(one, asked))
        : undefined;
    return own ?? card;
  });
  const found = useForms(chosen.map((one) => questionOf({ ...asked, gpu: one.name }, pasted)));
  return (
    <section>
      <h2>{said.others}</h2>
      <p>{said.othersAbout}</p>
      {groups.map((vendor, index) => (
        <div key={vendor} className={css.vendor}>
          <h3>{VENDORS[vendor] ?? vendor}</h3>
          {!goes(asked, vendor) ? (
            <p>{said.packedNot}</p>
          ) : !of(vendor).some((one) => hasUnits(one, asked)) ? (
            <p>{said.unitsNot}</p>
          ) : found[index]?.isError ? (
            <p>{said.notDivided}</p>
          ) : (
            found[index]?.data && (
              <Cards
                {...shared(found[index].data, asked, of(vendor), choices.assumed)}
                card={card}
                onTake={onTake}
              />
            )
          )}
        </div>
      ))}
    </section>
  );
}

interface Shared {
  holding: readonly Card[];
  lacking: readonly (readonly [Card, number])[];
}

/** Which of these cards hold it, and by how much others do not, the nearest first. */
function shared(forms: Forms, asked: Asked, cards: readonly Card[], assumed: Assumed): Shared {
  const usable = cards.filter((one) => hasUnits(one, asked));
  const measured = usable.map((one) => {
    const { peak } = evaluated(forms, asked, one, assumed);
    return [one, peak.total - one.usable_bytes] as const;
  });
  const bySize = (one: Card, other: Card) => one.usable_bytes - other.usable_bytes;
  return {
    holding: measured.flatMap(([one, lack]) => (lack <= 0 ? [one] : [])).sort(bySize),
    lacking: measured.filter(([, lack]) => lack > 0).sort((one, other) => one[1] - other[1]),
  };
}

function Cards({ holding, lacking, card, onTake }: Shared & { card: Card; onTake: (gpu: string) => void }) {
  const said = useStrings(words);
  const shown = [...holding.slice(0, HOLD), ...holding.slice(HOLD).filter((one) => one.name === card.name)];
  return (
    <>
      {holding.length === 0 && <p>{said.othersNone}</p>}
      <div className={css.chips}>
        {shown.map((one) => (
          <Button key={one.name} pressed={one.name === card.name} onClick={() => onTake(one.name)}>
            {one.name} <small>{figure(one.figures.memory ?? 0)} GB</small>
          </Button>
        ))}
        {holding.length > shown.length && (
          <span className={css.note}>{said.andLarger(holding.length - shown.length)}</span>
        )}
      </div>
      {lacking.length > 0 && (
        <p className={css.lacking}>
          {said.notEnough}{' '}
          {lacking
            .slice(0, LACK)
            .map(([one, lack]) => `${one.name} (${said.lacks(bytes(lack))})`)
            .join(', ')}
          {lacking.length > LACK && ` ${said.andSmaller(lacking.length - LACK)}`}
        </p>
      )}
    </>
  );
}

/** Whether a card has units for the numbers that it is asked to multiply. */
function hasUnits(card: Card, { mode, cache }: Pick<Asked, 'mode' | 'cache'>): boolean {
  if (mode === 'serve') return cache !== 'fp8' || card.figures.fp8 !== undefined;
  return card.device !== 'cuda' || card.figures.bf16 !== undefined;
}

/** Whether a vendor's cards multiply with weights that are packed, where it asks for them. */
export function goes(asked: Pick<Asked, 'mode' | 'weights'>, vendor: string): boolean {
  const isPacked = asked.mode === 'qlora' || (asked.mode === 'serve' && asked.weights !== 'bf16');
  return vendor === 'nvidia' || !isPacked;
}
