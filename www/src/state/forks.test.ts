import { expect, test } from 'vitest';
import { isLate } from './forks';

test('a fork is late where nearly all of the picture is there', () => {
  const run = { steps: [0, 0.5, 0.9, 0.95].map((alpha_bar) => ({ alpha_bar })) };
  expect([0, 1, 2, 3].map((frame) => isLate(run, frame))).toEqual([false, false, false, true]);
  // The end has no fork, and without a run there is none at all.
  expect([isLate(run, 4), isLate(null, 0)]).toEqual([false, false]);
});
