import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Player } from './player';
import type { Motion, Position } from './protocol';
import type { Recipe, RunFacts } from './types';

const recipe: Recipe = {
  sampler: 'ddim',
  steps: 10,
  seed: 1,
  batch: 1,
  class_label: null,
  attributes: null,
  guidance_scale: 1,
  guidance_interval: null,
  eta: 0,
  s_churn: 0,
};

/** Computes at once; `queued` is what it says it has in flight. */
class FakeEngine {
  queued = 0;
  computed = 0;
  shown: number[] = [];
  broken = false;

  start(): RunFacts {
    this.computed = 0;
    this.shown = [];
    const size = { width: 1, height: 1, columns: 1, rows: 1 };
    return { steps: [], network_calls: 10, guided: false, ...size };
  }

  step(): number {
    if (this.broken) throw new Error('lost');
    return ++this.computed;
  }

  in_flight_ms = () => this.queued;
  ms_per_step = () => 1;

  show(frame: number): void {
    if (frame > this.computed) throw new Error(`frame ${frame} is not kept`);
    this.shown.push(frame);
  }
}

let engine: FakeEngine;
let player: Player;
let reports: Position[];
let failures: unknown[];

const start = (motion: Motion, stopAt: number | null = null) =>
  player.start(1, recipe, motion, stopAt);
const step = (turn: number) => {
  player.step(turn);
  vi.advanceTimersByTime(200);
};
const last = () => reports.at(-1);

beforeEach(() => {
  vi.useFakeTimers();
  engine = new FakeEngine();
  reports = [];
  failures = [];
  player = new Player(
    engine,
    (position) => reports.push(position),
    (thrown) => failures.push(thrown),
  );
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the player', () => {
  it('shows every frame in order, at a pace that can be followed, then rests', () => {
    start('play');
    vi.advanceTimersByTime(500);
    expect(last()?.frame).toBeGreaterThan(3);
    expect(last()?.frame).toBeLessThan(8);
    vi.advanceTimersByTime(2000);
    expect(engine.shown).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('submits nothing while the device has enough to do', () => {
    engine.queued = 100;
    start('play');
    vi.advanceTimersByTime(1000);
    expect(engine.computed).toBe(0);
    engine.queued = 0;
    vi.advanceTimersByTime(2000);
    expect(engine.computed).toBe(10);
  });

  it('counts a frame as shown when the device has made it', () => {
    start('play');
    vi.advanceTimersByTime(60);
    engine.queued = 100;
    vi.advanceTimersByTime(1000);
    expect(engine.shown).toEqual([0, 1]);
    engine.queued = 0;
    vi.advanceTimersByTime(10);
    expect(engine.shown).toEqual([0, 1, 2]);
  });

  it('replays kept frames without computing', () => {
    start('play');
    vi.advanceTimersByTime(3000);
    player.show(1, 0);
    player.move(2, 'play');
    vi.advanceTimersByTime(3000);
    expect(engine.computed).toBe(10);
    expect(last()).toMatchObject({ turn: 2, frame: 10, motion: 'rest' });
  });

  it('stops at the frame of a link, and goes on from there', () => {
    start('play', 4);
    vi.advanceTimersByTime(3000);
    expect(last()).toMatchObject({ frame: 4, computed: 4, motion: 'rest' });
    player.move(1, 'play');
    vi.advanceTimersByTime(3000);
    expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
  });

  it('finishes without showing the way', () => {
    start('finish');
    vi.advanceTimersByTime(1000);
    expect(engine.shown).toEqual([0, 10]);
    expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
  });

  it('steps over kept frames, and computes one that is missing', () => {
    start('rest');
    step(1);
    step(2);
    player.show(3, 0);
    step(4);
    expect(last()).toMatchObject({ turn: 4, frame: 1, computed: 2, motion: 'rest' });
    expect(engine.computed).toBe(2);
  });

  it('shows only what is kept', () => {
    start('rest');
    step(1);
    player.show(2, 9);
    expect(last()?.frame).toBe(1);
    player.show(3, -3);
    expect(last()?.frame).toBe(0);
  });

  it('rests while the tab is hidden', () => {
    start('play');
    vi.advanceTimersByTime(250);
    player.setVisible(false);
    const { computed } = engine;
    vi.advanceTimersByTime(5000);
    expect(engine.computed).toBe(computed);
    player.setVisible(true);
    vi.advanceTimersByTime(5000);
    expect(engine.computed).toBe(10);
  });

  it('drops a run at once for the next', () => {
    start('play');
    vi.advanceTimersByTime(250);
    player.start(2, recipe, 'rest', null);
    reports.length = 0;
    vi.advanceTimersByTime(5000);
    expect(engine.computed).toBe(0);
    expect(reports).toEqual([]);
  });

  it('forgets a run that is gone', () => {
    start('play');
    vi.advanceTimersByTime(250);
    player.clear();
    reports.length = 0;
    const { computed, shown } = { computed: engine.computed, shown: engine.shown.length };
    player.show(2, 1);
    vi.advanceTimersByTime(5000);
    expect([engine.computed, engine.shown.length]).toEqual([computed, shown]);
    expect(reports).toEqual([]);
  });

  it('stops with the engine’s failure', () => {
    engine.broken = true;
    start('play');
    vi.advanceTimersByTime(1000);
    expect(failures).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
