import { expect, it } from 'vitest';
import { Newest } from './newest';

it('does the first and the newest of what is asked for at once, and goes on after a failure', async () => {
  const newest = new Newest();
  const done: number[] = [];
  const work = (number: number) => async () => {
    await Promise.resolve();
    done.push(number);
    if (number === 1) throw new Error('no answer');
  };
  const all = [1, 2, 3, 4].map((number) => newest.do(work(number)));
  await Promise.all(all);
  expect(done).toEqual([1, 4]);
  await newest.do(work(5));
  expect(done).toEqual([1, 4, 5]);
});
