/** What every unit test starts from: English, the light theme, nothing kept. */
import { afterEach, beforeEach } from 'vitest';
import { cleanup } from '@testing-library/react';

beforeEach(() => {
  document.documentElement.lang = 'en';
  document.documentElement.dataset.theme = 'light';
});
afterEach(cleanup);
