/** What fits on the card: ways to take the model where the sliders stand, each with the most that it can at once. */
import { Button } from '~/shared/controls/Button';
import { bytes, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import type { Asked, How } from './asked';
import { evaluated, mostAtOnce } from './evaluated';
import type { Assumed, Card } from './forms';
import css from './plan.module.css';
import { questionOf, useForms } from './source';
import { words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  assumed: Assumed;
  pasted: string | null;
  onTake: (how: Partial<How>) => void;
}

const train = { state: 'fp32', recompute: true, precision: 'bf16' } as const;
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

export function Ways({ asked, card, assumed, pasted, onTake }: Props) {
  const said = useStrings(words);
  const ways = WAYS.filter((way) => goes(way, card));
  const found = useForms(ways.map((way) => questionOf({ ...asked, ...way }, pasted)));
  return (
    <section>
      <h2>{said.ways}</h2>
      <p>{said.waysAbout}</p>
      <PlainTable label={said.ways} form="fit">
        <thead>
          <tr>
            <th>{said.way}</th>
            <th data-number>{said.needs}</th>
            <th data-number>{said.atMost}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {ways.map((way, index) => {
            const forms = found[index]?.data;
            if (!forms || found[index]?.isError) return null;
            const own = { ...asked, ...way };
            const { peak, fits } = evaluated(forms, own, card, assumed);
            const most = mostAtOnce(forms, own, card, assumed);
            const isTaken = Object.entries(way).every(([name, value]) => asked[name as keyof How] === value);
            return (
              <tr key={index}>
                <td>{nameOf(way, said, card)}</td>
                <td data-number className={fits ? css.yes : css.no}>
                  {bytes(peak.total)}
                </td>
                <td data-number>
                  {most === 0
                    ? said.none
                    : (way.mode === 'serve' ? said.usersOf : said.samplesOf)(whole(most))}
                </td>
                <td>
                  {isTaken ? (
                    said.taken
                  ) : (
                    <Button kind="bare" onClick={() => onTake(way)}>
                      {said.take}
                    </Button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </PlainTable>
    </section>
  );
}

/** Whether a card can do it. */
function goes(way: Partial<How>, card: Card): boolean {
  if (way.precision === 'bf16-pure' && card.device !== 'cuda') return false;
  const isPacked = way.mode === 'qlora' || (way.mode === 'serve' && way.weights !== 'bf16');
  return card.vendor === 'nvidia' || !isPacked;
}

function nameOf(way: Partial<How>, said: Readonly<Record<string, unknown>>, card: Card): string {
  const name = String(said[way.mode ?? 'full']);
  if (way.mode === 'serve')
    return `${name}, ${way.weights === 'bf16' && card.kind === 'cpu' ? 'fp32' : way.weights}`;
  const precision = card.device === 'cuda' ? way.precision : 'fp32';
  return [name, precision, way.state === '8bit' ? '8-bit' : ''].filter(Boolean).join(', ');
}
