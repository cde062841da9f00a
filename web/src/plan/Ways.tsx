/** What fits on the card: ways to take the model where the sliders stand, each with the most that it can at once. */
import { Button } from '~/shared/controls/Button';
import { bytes, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import type { Asked, How } from './asked';
import { evaluated, mostAtOnce } from './evaluated';
import { goes } from './Holding';
import type { Card, Choices } from './forms';
import css from './plan.module.css';
import { questionOf, useForms } from './source';
import { words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  choices: Choices;
  pasted: string | null;
  onTake: (how: Partial<How>) => void;
}

const train = { optimizer: 'adamw', state: 'fp32', recompute: true, precision: 'bf16' } as const;
/** What is offered, the most thorough first. */
const WAYS: readonly Partial<How>[] = [
  { mode: 'full', ...train },
  { mode: 'full', ...train, precision: 'bf16-pure', state: '8bit' },
  { mode: 'lora', ...train },
  { mode: 'qlora', ...train },
  { mode: 'serve', weights: 'bf16', cache: 'bf16' },
  { mode: 'serve', weights: 'int8', cache: 'bf16' },
  { mode: 'serve', weights: 'nf4', cache: 'bf16' },
];

export function Ways({ asked, card, choices, pasted, onTake }: Props) {
  const said = useStrings(words);
  const { assumed } = choices;
  const hasExperts = choices.models.some((one) => one.short === asked.model && one.has_experts);
  const ways = WAYS.filter((way) => isOffered(way, card) && !(hasExperts && way.mode?.endsWith('lora')));
  const found = useForms(ways.map((way) => questionOf({ ...asked, ...way }, pasted)));
  return (
    <section>
      <h2>{said.ways}</h2>
      <p>
        {said.waysAbout} {hasExperts && said.experts}
      </p>
      <div className={css.ways}>
        <PlainTable label={said.ways} form="fit">
          <thead>
            <tr>
              <th>{said.way}</th>
              <th data-number>{said.needs}</th>
              <th data-number>{said.atMost}</th>
            </tr>
          </thead>
          <tbody>
            {ways.map((way, index) => {
              const forms = found[index]?.data;
              if (!forms || found[index]?.isError) return null;
              const own = { ...asked, ...way };
              const { peak, fits } = evaluated(forms, own, card, assumed);
              const most = mostAtOnce(forms, own, card, assumed);
              const isTaken = Object.entries(way).every(
                ([name, value]) => asked[name as keyof How] === value,
              );
              return (
                <tr key={index}>
                  <td>
                    <Button kind="bare" pressed={isTaken} onClick={() => onTake(way)}>
                      {nameOf(way, said, card)}
                    </Button>
                  </td>
                  <td data-number className={fits ? css.yes : css.no}>
                    {bytes(peak.total)}
                  </td>
                  <td data-number>
                    {most === 0
                      ? said.lacks(bytes(peak.total - card.usable_bytes))
                      : (way.mode === 'serve' ? said.usersOf : said.samplesOf)(whole(most))}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </PlainTable>
      </div>
    </section>
  );
}

/** Whether a card can do it. */
function isOffered(way: Partial<How>, card: Card): boolean {
  if (way.precision === 'bf16-pure' && card.device !== 'cuda') return false;
  return goes({ mode: way.mode ?? 'full', weights: way.weights ?? 'bf16' }, card.vendor);
}

function nameOf(way: Partial<How>, said: Readonly<Record<string, unknown>>, card: Card): string {
  const name = String(said[way.mode ?? 'full']);
  if (way.mode === 'serve')
    return `${name}, ${way.weights === 'bf16' && card.kind === 'cpu' ? 'fp32' : way.weights}`;
  const precision = card.device === 'cuda' ? way.precision : 'fp32';
  return [name, precision, way.mode === 'full' ? (way.state === '8bit' ? '8-bit AdamW' : 'AdamW') : '']
    .filter(Boolean)
    .join(', ');
}
