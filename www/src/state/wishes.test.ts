import { expect, test } from 'vitest';
import { defaultState } from './page-state';
import { Wishes } from './wishes';

const { recipe } = defaultState('');
const trunk = { recipe, forks: [] };
const branch = { recipe, forks: [{ at: 3, spread: null, noise: 0, from: recipe }] };

test('the latest wish is awaited until the engine is there or refuses it', () => {
  const wishes = new Wishes();
  expect(wishes.awaited).toBe(false);
  wishes.ask(1, trunk);
  wishes.ask(2, branch);
  expect(wishes.awaited).toBe(true);
  expect(wishes.arrive(1)).toBe(trunk);
  expect(wishes.awaited).toBe(true);
  wishes.refuse(2);
  expect(wishes.awaited).toBe(false);
  expect(wishes.arrive(2)).toBeNull();
});

test('a route’s branches arrive one after the other, and what came before is over', () => {
  const wishes = new Wishes();
  wishes.ask(1, trunk);
  wishes.ask(2, branch);
  expect([wishes.arrive(2), wishes.arrive(2)]).toEqual([branch, branch]);
  expect(wishes.arrive(1)).toBeUndefined();
});

test('what was asked of a run that is gone is not waited for', () => {
  const wishes = new Wishes();
  wishes.ask(1, branch);
  wishes.clear();
  expect(wishes.awaited).toBe(false);
  expect(wishes.arrive(1)).toBeUndefined();
});
