import { expect, test } from 'vitest';
import { fileOf, pageOf } from './files';

test('names that mean something in an address reach the server as they are', () => {
  const [run, path] = ['a/b ?#%', 'evaluations/loss ?#%&.json'];
  const { pathname, search, hash } = new URL(fileOf(run, path), 'http://localhost');
  expect([search, hash]).toEqual(['', '']);
  expect(pathname.split('/').map(decodeURIComponent)).toEqual([
    '', 'api', 'v1', 'runs', run, 'files', ...path.split('/'),
  ]); // prettier-ignore
});

test('a page has a door of its own', () => {
  expect(pageOf('a', 'media/x.html')).toBe('/api/v1/runs/a/pages/media/x.html');
});
