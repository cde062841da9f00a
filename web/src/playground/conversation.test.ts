/** Turns: what is asked next, who is hidden, which answer goes on, and tools as they are pasted. */
import { expect, test } from 'vitest';
import { chatCommand, clientCode, learnCommand, python } from './code';
import {
  type Turn,
  isOpen,
  messagesOf,
  newAnswer,
  newTurn,
  toolsOf,
  voted,
  waitingCalls,
} from './conversation';
import { settingsOf } from './view';

const ASKED = [{ role: 'user', content: 'why?' }];
const answered = (text: string, calls: Turn['answers'][number]['calls'] = []) => ({
  ...newAnswer('e', 'm'),
  id: text,
  text,
  calls,
  isOver: true,
});
const turn = (chance: number, isBlind = true): Turn =>
  newTurn(ASKED, [answered('first'), answered('second')], isBlind, chance);

test('hidden models stand by chance, and the better one by where it stood', () => {
  expect([turn(0.1).order, turn(0.9).order, turn(0.1, false).order]).toEqual([
    [1, 0],
    [0, 1],
    [0, 1],
  ]);
  const left = voted(turn(0.1), 'left');
  expect([left.vote, left.goesOn, isOpen(turn(0.1)), isOpen(left)]).toEqual(['second', 1, false, true]);
  expect(voted(turn(0.9), 'left').vote).toBe('first');
  expect(voted(turn(0.1), 'bad')).toMatchObject({ vote: 'bad', goesOn: 0 });
});

test('the conversation goes on from the answer that was chosen', () => {
  const found = messagesOf('be brief', [voted(turn(0.9), 'right')], [{ role: 'user', content: 'and then?' }]);
  expect(found.map((one) => one.content)).toEqual(['be brief', 'why?', 'second', 'and then?']);
  expect(messagesOf(' ', [])).toEqual([]);
});

test('calls wait for their results, and are part of the conversation', () => {
  const call = { id: 'c1', name: 'price', arguments: '{}' };
  const turns = [newTurn(ASKED, [answered('', [call])], false, 0)];
  expect(waitingCalls(turns)).toEqual([call]);
  expect(messagesOf('', turns)[1]).toMatchObject({ tool_calls: [{ id: 'c1', function: { name: 'price' } }] });
});

test('tools are taken as a list, as one, and as functions alone', () => {
  const whole = { type: 'function', function: { name: 'price' } };
  expect(toolsOf(JSON.stringify([whole]))).toEqual([whole]);
  expect(toolsOf('{"name": "price"}')).toEqual([whole]);
  expect(toolsOf(' ')).toEqual([]);
  for (const wrong of ['{', '3', '[{}]', '[null]']) expect(() => toolsOf(wrong)).toThrow();
});

test('code and command say the same as the page', () => {
  expect(python({ a: [true, null, 'x"y'], b: 0.5 })).toBe('{"a": [True, None, "x\\"y"], "b": 0.5}');
  const settings = { temperature: 0, top_k: 5 };
  const code = clientCode({ model: 'a/b', messages: ASKED, settings, tools: [] });
  expect(code).toContain('    extra_body={"top_k": 5},');
  expect(code).toContain('    temperature=0,');
  const command = "whet chat first --system 'be brief' --prompt 'why?' --temperature 0 --top-k 5";
  expect(chatCommand('first', 'be brief', 'why?', settings)).toBe(command);
});

test('settings that are none are nothing', () => {
  expect(['{"seed":1}', '[', '[]', 'null'].map(settingsOf)).toEqual([{ seed: 1 }, {}, {}, {}]);
});

test.each([
  [
    'first@20',
    'runs/.playground',
    'whet train --model runs/first --data runs/.playground/preferences.jsonl objective=dpo name=voted',
  ],
  [
    'first',
    '/a b/.playground',
    "whet train --model '/a b/first' --data '/a b/.playground/preferences.jsonl' objective=dpo name=voted track.folder='/a b'",
  ],
])('votes are learned by a command that can be typed', (model, folder, command) =>
  expect(learnCommand(model, folder)).toBe(command),
);
