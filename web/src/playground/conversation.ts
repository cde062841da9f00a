/** A conversation: what was asked in each turn, the answers of one model or of two, and which of them goes on. */
import type { components } from '~/shared/api/schema';
import { type Heard, NOTHING } from './stream';

export type Said = components['schemas']['PlaygroundVote']['said'];
export type Message = Record<string, unknown> & { role: string; content: string };
export type Values = Readonly<Record<string, unknown>>;

export interface Answer extends Heard {
  engine: string;
  model: string;
  isOver: boolean;
  /** Milliseconds from the question to the first token and to the last one. */
  first?: number;
  took?: number;
}

export interface Turn {
  /** What was said to the models: a user's words, or what tools gave. */
  input: readonly Message[];
  answers: readonly Answer[];
  /** The answer that stands at each place: where models are hidden, by chance. */
  order: readonly number[];
  isBlind: boolean;
  vote?: Said;
  /** The answer that the conversation goes on from. */
  goesOn: number;
}

export function newAnswer(engine: string, model: string): Answer {
  return { ...NOTHING, engine, model, isOver: false };
}

/** A turn as it begins; `chance` in [0, 1) decides who stands first where models are hidden. */
export function newTurn(
  input: readonly Message[],
  answers: readonly Answer[],
  isBlind: boolean,
  chance: number,
): Turn {
  const order = answers.map((_, place) => place);
  return {
    input,
    answers,
    order: isBlind && chance < 0.5 ? order.reverse() : order,
    isBlind: isBlind && answers.length > 1,
    goesOn: 0,
  };
}

/** Whether it may be seen which model said what. */
export const isOpen = (turn: Turn): boolean => !turn.isBlind || turn.vote !== undefined;

export const isOver = (turn: Turn): boolean => turn.answers.every((answer) => answer.isOver);

/** An answer as a message of the conversation. */
function messageOf(answer: Answer): Message {
  const calls = answer.calls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
  return { role: 'assistant', content: answer.text, ...(calls.length ? { tool_calls: calls } : {}) };
}

/** The messages up to the question of the last turn, or with what comes next behind it. */
export function messagesOf(system: string, turns: readonly Turn[], next: readonly Message[] = []): Message[] {
  const before = turns.flatMap((turn) => {
    const answer = turn.answers[turn.goesOn];
    return [...turn.input, ...(answer && !answer.error ? [messageOf(answer)] : [])];
  });
  return [...(system.trim() ? [{ role: 'system', content: system }] : []), ...before, ...next];
}

/** The calls that the conversation waits for, of the answer that goes on. */
export function waitingCalls(turns: readonly Turn[]) {
  const last = turns.at(-1);
  return last && isOver(last) ? (last.answers[last.goesOn]?.calls ?? []) : [];
}

/** A turn with one of its answers replaced. */
export function withAnswer(turn: Turn, place: number, answer: Answer): Turn {
  return { ...turn, answers: turn.answers.map((one, index) => (index === place ? answer : one)) };
}

/** A turn with a vote: `left` and `right` are as they stand on the page. The better answer goes on. */
export function voted(turn: Turn, said: 'left' | 'right' | 'good' | 'bad'): Turn {
  if (said === 'good' || said === 'bad') return { ...turn, vote: said };
  const place = turn.order[said === 'left' ? 0 : 1] ?? 0;
  return { ...turn, vote: place === 0 ? 'first' : 'second', goesOn: place };
}

/** Tools from what was pasted: a list of definitions as OpenAI has them, of functions alone too. Throws for others. */
export function toolsOf(text: string): Record<string, unknown>[] {
  if (!text.trim()) return [];
  const given: unknown = JSON.parse(text);
  const list = Array.isArray(given) ? given : [given];
  return list.map((one: unknown) => {
    const tool = one as Record<string, unknown>;
    if (typeof one !== 'object' || one === null) throw new SyntaxError(JSON.stringify(one));
    const made = 'function' in tool ? tool : { type: 'function', function: tool };
    const name = (made.function as Record<string, unknown> | undefined)?.name;
    if (typeof name !== 'string' || !name) throw new SyntaxError('name');
    return { type: 'function', ...made };
  });
}
