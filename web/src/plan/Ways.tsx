/** What fits on the card: ways to take the model where the sliders stand, each with the most that it can at once. */
import { Button } from '~/shared/controls/Button';
import { bytes, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import type { Asked } from './asked';
import { hasExperts } from './engine/model';
import { evaluated, mostAtOnce, type Subject, taskOf } from './evaluated';
import { goes } from './Holding';
import type { Card, Choices } from './forms';
import css from './plan.module.css';
import { attempt } from './source';
import { words } from './strings';

type Way = Partial<Asked>;

interface Props {
  subject: Subject;
  asked: Asked;
  card: Card;
  choices: Choices;
  onTake: (way: Way) => void;
}

const train = {
  optimizer: 'adamw', state: 'fp32', recompute: 'full', precision: 'bf16', offload: 0, hostWeights: false,
  hostActivations: false,
} as const; // prettier-ignore
/** What is offered, the most thorough first. */
const WAYS: readonly Way[] = [
  { mode: 'full', ...train },
  { mode: 'full', ...train, precision: 'bf16-pure', state: '8bit' },
  { mode: 'lora', ...train },
  { mode: 'qlora', ...train },
  { mode: 'serve', weights: 'bf16', cache: 'bf16' },
  { mode: 'serve', weights: 'int8', cache: 'bf16' },
  { mode: 'serve', weights: 'nf4', cache: 'bf16' },
];

export function Ways({ subject, asked, card, choices, onTake }: Props) {
  const said = useStrings(words);
  const isMixed = hasExperts(subject.model);
  const ways = WAYS.filter((way) => isOffered(way, card) && !(isMixed && way.mode?.endsWith('lora')));
  const tasks = ways.flatMap((way) => {
    const task = attempt(() => taskOf(subject, { ...asked, ...way }, card, choices)).data;
    return task ? [[way, task] as const] : [];
  });
  if (!tasks.length) return null;
  return (
    <section>
      <h2>{said.ways}</h2>
      <p>
        {said.waysAbout} {isMixed && said.experts}
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
            {tasks.map(([way, task], index) => {
              const { peak, fits } = evaluated(task);
              const most = mostAtOnce(task);
              const isTaken = Object.entries(way).every(
                ([name, value]) => asked[name as keyof Asked] === value,
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
function isOffered(way: Way, card: Card): boolean {
  if (way.precision === 'bf16-pure' && card.device !== 'cuda') return false;
  return goes({ mode: way.mode ?? 'full', weights: way.weights ?? 'bf16' }, card.vendor);
}

function nameOf(way: Way, said: Readonly<Record<string, unknown>>, card: Card): string {
  const name = String(said[way.mode ?? 'full']);
  if (way.mode === 'serve')
    return `${name}, ${way.weights === 'bf16' && card.kind === 'cpu' ? 'fp32' : way.weights}`;
  const precision = card.device === 'cuda' ? way.precision : 'fp32';
  return [name, precision, way.mode === 'full' ? (way.state === '8bit' ? '8-bit AdamW' : 'AdamW') : '']
    .filter(Boolean)
    .join(', ');
}
