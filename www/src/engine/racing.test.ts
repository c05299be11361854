import { describe, expect, it } from 'vitest';
import { race, type RaceNews } from './racing';
import type { RaceWish } from './types';

class FakeRace {
  steps = 0;
  entrants = [
    { recipe: 0, steps: 100, network_calls: 100 },
    { recipe: 2, steps: 50, network_calls: 99 },
  ];
  left_out = [{ recipe: 1, least_calls: 130, reason: 'too few calls' }];
  race = () => ({ entrants: this.entrants, left_out: this.left_out });
  race_step = () => this.steps < 100 && ++this.steps > 0;
  race_pictures = () => Promise.resolve(new Float32Array([this.steps]));
}

const wish: RaceWish = { recipes: [], sample: 0, calls: 100 };

describe('a race', () => {
  it('goes to its end, and is seen on the way', async () => {
    const news: RaceNews[] = [];
    await race(
      new FakeRace(),
      wish,
      (one) => news.push(one),
      () => true,
    );
    expect(news.length).toBeGreaterThan(30);
    expect(news.length).toBeLessThan(60);
    expect(news.at(-1)).toMatchObject({ steps: 100, done: true });
    expect(news.at(-1)?.pictures[0]).toBe(100);
    expect(news.filter(({ done }) => done)).toHaveLength(1);
  });

  it('of nobody is over at once, and says why', async () => {
    const news: RaceNews[] = [];
    const engine = new FakeRace();
    engine.entrants = [];
    await race(
      engine,
      wish,
      (one) => news.push(one),
      () => true,
    );
    expect(news).toHaveLength(1);
    expect(news[0]).toMatchObject({ entrants: [], left_out: engine.left_out, done: true });
    expect(engine.steps).toBe(0);
  });

  it('ends when it is not the current one', async () => {
    const news: RaceNews[] = [];
    const engine = new FakeRace();
    await race(
      engine,
      wish,
      (one) => news.push(one),
      () => news.length < 3,
    );
    expect(news).toHaveLength(3);
    expect(engine.steps).toBeLessThan(20);
  });
});
