import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { Coded } from './Coded';

test('what stands between backticks is code, and all else is text', () => {
  render(
    <p>
      <Coded>{'Type `whet runs <b>` to see; `whet top` follows.'}</Coded>
    </p>,
  );
  expect(screen.getByText('whet runs <b>').tagName).toBe('CODE');
  expect(document.querySelector('p')?.textContent).toBe('Type whet runs <b> to see; whet top follows.');
  expect(document.querySelectorAll('code').length).toBe(2);
});
