import { expect, test } from 'vitest';
import { leaveAlike } from './forks';
import { defaultState } from './page-state';

const { recipe } = defaultState('');
const fork = { at: 3, spread: null, noise: 0, from: recipe };

test('a branch takes the place of one that leaves the same way, but for its own noise', () => {
  expect(leaveAlike([], [])).toBe(true);
  expect(leaveAlike([fork], [{ ...fork, noise: 7 }])).toBe(true);
});

test.each([
  ['has one fork more', [fork, { ...fork, at: 5 }]],
  ['leaves later', [{ ...fork, at: 4 }]],
  ['leaves another recipe', [{ ...fork, from: { ...recipe, seed: 8 } }]],
  ['spreads a sample', [{ ...fork, spread: 0 }]],
  ['leaves none', []],
])('a way is another where it %s', (_, other) => {
  expect(leaveAlike([fork], other)).toBe(false);
});

test('the noise of a branch on the way counts', () => {
  const last = { ...fork, at: 5 };
  expect(leaveAlike([fork, last], [{ ...fork, noise: 7 }, last])).toBe(false);
});
