import { expect, test } from 'vitest';
import { reasonIn } from './reason';

test('what the loop says is said in Chinese, and what a script says stays', () => {
  expect(reasonIn('zh', 'all 1,200 steps are done')).toBe('全部 1,200 步已完成');
  expect(reasonIn('zh', 'signal SIGKILL')).toBe('信号 SIGKILL');
  expect(reasonIn('zh', 'ValueError: all 3 steps are done')).toBe('ValueError: all 3 steps are done');
  expect(reasonIn('en', 'all 3 steps are done')).toBe('all 3 steps are done');
});
