import { expect, test } from 'vitest';
import { type Session, may } from './session';

const session = (roles: Session['roles'], more: Partial<Session> = {}): Session => ({
  is_team: true,
  person: 'ada',
  roles,
  word: null,
  has_oidc: false,
  root: null,
  ...more,
});

test('a role in all projects holds in each', () => {
  expect(may(session({ '*': 'editor' }), 'editor', 'birds')).toBe(true);
  expect(may(session({ '*': 'editor' }), 'admin', 'birds')).toBe(false);
});

test('a role in one project holds there alone', () => {
  const ben = session({ '*': 'viewer', birds: 'admin' });
  expect(may(ben, 'admin', 'birds')).toBe(true);
  expect(may(ben, 'editor', 'fish')).toBe(false);
  expect(may(ben, 'editor')).toBe(false);
});

test('on a server of one person whoever is known may do everything, anyone else nothing', () => {
  expect(may(session({}, { is_team: false, person: 'owner' }), 'admin')).toBe(true);
  expect(may(session({}, { is_team: false, person: '' }), 'viewer')).toBe(false);
  expect(may(undefined, 'viewer')).toBe(false);
});
