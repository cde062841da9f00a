/** Which cards hold it, of every vendor, the smallest first; and of those that do not, how much they lack. */
import { useMemo } from 'react';
import { Button } from '~/shared/controls/Button';
import { bytes, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Asked } from './asked';
import { evaluated, type Subject, taskOf } from './evaluated';
import type { Card, Choices } from './forms';
import css from './plan.module.css';
import { attempt } from './source';
import { words } from './strings';

interface Props {
  subject: Subject;
  asked: Asked;
  card: Card;
  choices: Choices;
  onChange: (change: Partial<Asked>) => void;
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

export function Holding({ subject, asked, card, choices, onChange }: Props) {
  const said = useStrings(words);
  const groups = [...new Set(choices.cards.filter((one) => one.kind !== 'cpu').map((one) => one.vendor))];
  const shares = useMemo(
    () => new Map(groups.map((vendor) => [vendor, sharedAmong(vendor, subject, asked, choices)])),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- groups follow from the choices
    [subject, asked, choices],
  );
  if ([...shares.values()].every((one) => one.why)) return null;
  // Vendors of which the same is said stand together.
  const alike = [...new Set(groups.map((vendor) => shares.get(vendor)?.why ?? vendor))].map((why) =>
    groups.filter((vendor) => (shares.get(vendor)?.why ?? vendor) === why),
  );
  return (
    <section>
      <h2>{said.others}</h2>
      <p>{said.othersAbout}</p>
      {alike.map((vendors) => {
        const shared = shares.get(vendors[0] ?? '');
        return (
          <div key={vendors.join()} className={css.vendor}>
            <h3>{vendors.map((vendor) => VENDORS[vendor] ?? vendor).join(', ')}</h3>
            {shared?.why ? (
              <p>{said[shared.why]}</p>
            ) : (
              shared && <Cards {...shared} card={card} onTake={(gpu) => onChange({ gpu })} />
            )}
          </div>
        );
      })}
    </section>
  );
}

interface Shared {
  holding: readonly Card[];
  lacking: readonly (readonly [Card, number])[];
  /** Why none of them can do it. */
  why?: 'packedNot' | 'unitsNot' | 'notDivided';
}

/** Which cards of a vendor hold it, and by how much others do not, the nearest first. */
function sharedAmong(vendor: string, { model }: Subject, asked: Asked, choices: Choices): Shared {
  const none = { holding: [], lacking: [] };
  if (!goes(asked, vendor)) return { ...none, why: 'packedNot' };
  const own = choices.cards.filter((one) => one.vendor === vendor && one.kind !== 'cpu');
  const usable = own.filter((one) => hasUnits(one, asked));
  if (!usable.length) return { ...none, why: 'unitsNot' };
  const measured = usable.flatMap((one) => {
    const task = attempt(() => taskOf({ model, measured: null }, asked, one, choices)).data;
    return task ? [[one, evaluated(task).peak.total - one.usable_bytes] as const] : [];
  });
  if (!measured.length) return { ...none, why: 'notDivided' };
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
