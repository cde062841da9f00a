/** Tables in the page itself: the closed forms of all known models, for a page that no server answers. */
import { ApiError } from '~/shared/api/client';
import { language, said } from '~/shared/i18n/i18n';
import type { Choices, Constants, Forms, ModelFacts, ServingForms, Steps } from './forms';
import type { Question, Source } from './source';
import { words } from './strings';

interface OfModel {
  model: ModelFacts;
  steps: Readonly<Record<string, Steps>>;
  constants: Readonly<Record<string, Constants>>;
  /** Bytes that an optimizer keeps on all cards together, by what is trained, its name and their format. */
  states: Readonly<Record<string, number>>;
  serving: Readonly<Record<string, ServingForms>>;
}

export interface Tables extends Choices {
  tables: Readonly<Record<string, OfModel>>;
}

export function sourceOf(tables: Tables): Source {
  return {
    choices: () => Promise.resolve(tables),
    forms: async (asked) => formsOf(tables, asked),
    canPaste: false,
  };
}

/** The forms of a question, under the names that `whet.plan.screen.tables` gives them. */
export function formsOf(tables: Tables, asked: Question): Forms {
  const name = tables.models.find((one) => one.short === asked.model)?.name ?? asked.model;
  const card = tables.cards.find((one) => one.name === asked.gpu);
  const of = tables.tables[name];
  if (!of || !card) throw missing();
  const isPacked = asked.mode === 'qlora' || (asked.mode === 'serve' && asked.weights !== 'bf16');
  if (isPacked && card.vendor !== 'nvidia') throw missing();
  if (asked.mode === 'serve') {
    const dtype = card.kind === 'cpu' ? 'fp32' : 'bf16';
    const [weights, cache] = [asked.weights, asked.cache].map((one) => (one === 'bf16' ? dtype : one));
    const serving = of.serving[`${weights} ${cache} ${asked.gpus}`];
    if (!serving) throw missing();
    return { kind: 'serving', model: of.model, serving };
  }
  const wanted = asked.precision === 'fp32' ? 'bf16' : asked.precision;
  const precision = card.device === 'cuda' ? wanted : 'fp32';
  const tuner = asked.mode === 'full' ? 'full' : 'lora';
  const steps = of.steps[[tuner, precision, ...(asked.recompute ? ['recompute'] : [])].join(' ')];
  const constants = of.constants[`${asked.mode} ${precision} ${asked.gpus}`];
  // Constants are those of the usual optimizer.
  const [usual, state] = ['adamw fp32', `${asked.optimizer} ${asked.state}`].map(
    (name) => of.states[`${tuner} ${name}`],
  );
  if (!steps || !constants || usual === undefined || state === undefined) throw missing();
  return {
    kind: 'training',
    model: of.model,
    precision,
    steps,
    constants: withMore(constants, state - usual),
  };
}

/** With so many bytes more that the optimizer keeps on all cards together. */
function withMore(constants: Constants, bytes: number): Constants {
  const { one, more, speed } = constants;
  const own = bytes / speed.shards;
  return {
    ...constants,
    one: { ...one, optimizer: one.optimizer + own },
    more: { ...more, optimizer: more.optimizer + own },
    speed: { ...speed, moved: speed.moved + 2 * own },
  };
}

function missing(): ApiError {
  return new ApiError('NOT_HERE', said(words, language()).notHere, '', '', 404);
}
