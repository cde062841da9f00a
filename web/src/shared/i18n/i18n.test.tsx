import { act, render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { setLanguage, strings, useStrings } from './i18n';

const words = strings({
  title: { en: 'Runs', zh: '实验' },
  total: { en: (n: number) => `${n} runs`, zh: (n: number) => `${n} 个实验` },
});

function Shown() {
  const said = useStrings(words);
  return <p>{`${said.title}: ${said.total(3)}`}</p>;
}

test('a change of language changes what is shown', () => {
  render(<Shown />);
  expect(screen.getByText('Runs: 3 runs')).toBeTruthy();
  act(() => setLanguage('zh'));
  expect(screen.getByText('实验: 3 个实验')).toBeTruthy();
});

test('a missing language is an error of types', () => {
  // @ts-expect-error zh is missing
  strings({ title: { en: 'Runs' } });
});
