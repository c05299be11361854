import { expect, test } from 'vitest';
import { isLate, leaveAlike } from './forks';
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

test('a fork is late where nearly all of the picture is there', () => {
  const run = { steps: [0, 0.5, 0.9, 0.95].map((alpha_bar) => ({ alpha_bar })) };
  expect([0, 1, 2, 3].map((frame) => isLate(run, frame))).toEqual([false, false, false, true]);
  // The end has no fork, and without a run there is none at all.
  expect([isLate(run, 4), isLate(null, 0)]).toEqual([false, false]);
});
