import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Problem } from './protocol';
import { Recovery } from './recovery';

let rebuilt: (() => void)[];
let failures: Problem[];
let recovery: Recovery;

const LOST: Problem = { name: 'DeviceLost', message: 'gone' };
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  rebuilt = [];
  failures = [];
  recovery = new Recovery(
    () => new Promise((resolve) => rebuilt.push(resolve)),
    (problem) => failures.push(problem),
  );
});
afterEach(() => vi.useRealTimers());

it('rebuilds once, and work waits for it', async () => {
  const done: string[] = [];
  recovery.when(() => done.push('before'));
  recovery.begin();
  recovery.when(() => done.push('meanwhile'));
  recovery.expect(LOST, () => done.push('again'));
  expect(done).toEqual(['before']);
  rebuilt[0]?.();
  await settled();
  expect(done).toEqual(['before', 'meanwhile', 'again']);
  expect(rebuilt).toHaveLength(1);
  expect(failures).toEqual([]);
});

it('reports a second loss within a minute, and rebuilds after a longer time', async () => {
  recovery.begin();
  rebuilt[0]?.();
  await vi.advanceTimersByTimeAsync(61_000);
  recovery.begin();
  expect(rebuilt).toHaveLength(2);
  rebuilt[1]?.();
  await vi.advanceTimersByTimeAsync(30_000);
  recovery.begin();
  expect(rebuilt).toHaveLength(2);
  expect(failures.map(({ name }) => name)).toEqual(['DeviceLost']);
});

it('reports what stops the rebuilding', async () => {
  const failing = new Recovery(
    () => Promise.reject(new Error('no adapter')),
    (problem) => failures.push(problem),
  );
  failing.begin();
  await settled();
  expect(failures).toEqual([{ name: 'Error', message: 'no adapter' }]);
});

it('waits for the news of a loss that work was refused for', async () => {
  const again = vi.fn();
  recovery.expect(LOST, again);
  await vi.advanceTimersByTimeAsync(500);
  recovery.begin();
  rebuilt[0]?.();
  await vi.advanceTimersByTimeAsync(5000);
  expect(again).toHaveBeenCalledOnce();
  expect(failures).toEqual([]);
});

it('reports refused work where no loss is told', async () => {
  recovery.expect(LOST);
  await vi.advanceTimersByTimeAsync(2000);
  expect(failures).toEqual([LOST]);
});
