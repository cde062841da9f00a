import { expect, test } from 'vitest';
import { asked, byReward, meanReward, standing } from './graded';
import type { Answer } from './queries';

const answer = (text: string, reward: Answer['reward']): Answer => ({
  text,
  reward,
  scores: {},
  fields: {},
  tokens: 1,
  finish: 'stop',
  figures: {},
  messages: [],
  failures: [],
});

const answers = [answer('a', 0), answer('b', null), answer('c', 1), answer('d', 'NaN'), answer('e', 0.5)];

test('the best comes first, what was not graded last, in its order', () => {
  expect(byReward(answers).map((one) => one.text)).toEqual(['c', 'e', 'a', 'b', 'd']);
});

test('what was not graded is not in the mean', () => {
  expect(meanReward(answers)).toBe(0.5);
  expect(meanReward([answer('a', null)])).toBeNaN();
});

test('a reward stands between the lowest and the highest, and nowhere where all are alike', () => {
  expect(answers.map((one) => standing(one, answers))).toEqual([0, null, 1, null, 0.5]);
  expect(standing(answer('a', 1), [answer('a', 1), answer('b', 1)])).toBeNull();
});

test('what was asked is the last turn of the user', () => {
  const turn = (role: string, content: string) => ({ role, content });
  expect(asked([turn('system', 's'), turn('user', 'u'), turn('assistant', 'a'), turn('user', 'v')])).toBe(
    'v',
  );
  expect([asked([turn('system', 's')]), asked([])]).toEqual(['s', '']);
});
