import { render } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { useKeys } from './keys';

const does = { en: '', zh: '' };

function Hears({ keys }: { keys: Record<string, () => void> }) {
  useKeys(Object.entries(keys).map(([name, run]) => ({ keys: name, does, run })));
  return <input aria-label="field" />;
}

const press = (key: string, more: KeyboardEventInit = {}, at: EventTarget = document.body) =>
  at.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));

test('a key, two in order, and with Ctrl; a field keeps what is typed into it', () => {
  const [j, both, find] = [vi.fn(), vi.fn(), vi.fn()];
  const view = render(<Hears keys={{ j, 'g r': both, 'mod+k': find }} />);
  press('j');
  press('g');
  press('r');
  press('r');
  press('k', { ctrlKey: true }, view.getByLabelText('field'));
  press('j', {}, view.getByLabelText('field'));
  expect([j, both, find].map((one) => one.mock.calls.length)).toEqual([1, 1, 1]);
});

test('of two that hear a key the later gets it, and gives it back when it goes', () => {
  const [first, second] = [vi.fn(), vi.fn()];
  render(<Hears keys={{ x: first }} />);
  const later = render(<Hears keys={{ x: second }} />);
  press('x');
  later.unmount();
  press('x');
  expect([first, second].map((one) => one.mock.calls.length)).toEqual([1, 1]);
});
