import { expect, it } from 'vitest';
import { MOST_STEPS, STEP_STOPS } from './page-state';
import { nearestStop, stopsWithin } from './stops';

it('a slider stops nowhere beyond its end, and at its end', () => {
  expect(stopsWithin(STEP_STOPS, 1, MOST_STEPS)).toEqual(STEP_STOPS);
  expect(stopsWithin(STEP_STOPS, 1, 300)).toEqual([
    5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300,
  ]);
  expect(stopsWithin(STEP_STOPS, 8, 25)).toEqual([10, 15, 20, 25]);
  expect(stopsWithin(STEP_STOPS, 1, 4)).toEqual([4]);
});

it('a value has the handle at the nearest stop', () => {
  const stops = [5, 10, 20];
  expect([1, 5, 8, 16, 300].map((value) => nearestStop(stops, value))).toEqual([0, 0, 1, 2, 2]);
});
