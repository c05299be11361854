import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Player } from './player';
import type { Fork, Motion, Position, Route } from './protocol';
import type { ForkWish, Recipe, RunFacts } from './types';

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
  timestep_spacing: null,
  sigmas: null,
  threshold: null,
  sde: null,
  snr: null,
  langevin_steps: null,
  tolerance: null,
};

const route: Route = { start: null, recipe, forks: [] };

/** Computes at once; `queued` is what it says it has in flight. */
class FakeEngine {
  queued = 0;
  computed = 0;
  shown: number[] = [];
  broken = false;
  /** Attempts that a step takes, each of them waited for; 0 for steps that wait for nothing. */
  attempts = 0;
  made = 0;
  pending = false;
  refused = false;
  /** Why it would start nothing and fork nothing; `roomless` has given its run back by then. */
  refusal: Error | null = null;
  roomless = false;

  branches: (ForkWish | null)[] = [];
  current = 0;

  start(): RunFacts {
    if (this.refusal) throw this.refusal;
    this.computed = this.made = 0;
    this.shown = [];
    this.pending = false;
    this.branches = [null];
    return this.select(0);
  }

  fork(wish: ForkWish): RunFacts {
    if (this.refusal) throw this.refusal;
    if (wish.origin.at > this.computed) throw new Error('not computed yet');
    this.branches.push(wish);
    this.computed = wish.origin.at;
    return this.select(this.branches.length - 1);
  }

  select(branch: number): RunFacts {
    this.current = branch;
    const size = { width: 1, height: 1, columns: 1, rows: 1 };
    return {
      branch,
      origin: this.branches[branch]?.origin ?? null,
      branches: [...this.branches.keys()],
      computed: this.computed,
      steps: Array.from({ length: 10 }, (_, step) => ({
        step,
        timestep: 0,
        alpha_bar: 0,
        sigma: 0,
        log_snr: 0,
      })),
      network_calls: 10,
      adaptive: false,
      guided: false,
      keeps_v: false,
      ...size,
    };
  }

  close(branch: number): RunFacts {
    this.branches.splice(branch);
    return this.select(branch - 1);
  }

  set_forward_image = () => undefined;
  show_forward = () => ({
    alpha_bar: 1,
    signal: 1,
    noise: 0,
    link_signal: 1,
    link_noise: 0,
    snr: 1,
    log_snr: 0,
  });

  step(): number {
    if (this.broken) throw new Error('lost');
    if (this.attempts === 0) return ++this.computed;
    if (this.pending) throw new Error('there is no answer to the last one yet');
    this.pending = true;
    return this.computed;
  }

  is_pending = () => this.pending;
  network_calls = () => this.made;

  async settle(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    this.pending = false;
    if (this.refused) throw new Error('no step is short enough');
    if (++this.made % this.attempts === 0) this.computed++;
    return this.computed;
  }

  in_flight_ms = () => this.queued;
  ms_per_step = () => 1;

  show(frame: number): void {
    if (this.roomless) throw new Error('there is no run');
    if (frame > this.computed) throw new Error(`frame ${frame} is not kept`);
    this.shown.push(frame);
  }
}

let engine: FakeEngine;
let player: Player;
let entered: RunFacts[];
let reports: Position[];
let failures: unknown[];

const start = (motion: Motion, stopAt: number | null = null) =>
  player.start(1, route, motion, stopAt);
const step = (turn: number) => {
  player.step(turn);
  vi.advanceTimersByTime(200);
};
const last = () => reports.at(-1);

beforeEach(() => {
  vi.useFakeTimers();
  engine = new FakeEngine();
  entered = [];
  reports = [];
  failures = [];
  player = new Player(
    engine,
    (_, run) => entered.push(run),
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

  it('goes on to a frame, and no further', () => {
    start('rest');
    player.move(1, 'play', 4);
    vi.advanceTimersByTime(3000);
    expect(last()).toMatchObject({ turn: 1, frame: 4, computed: 4, motion: 'rest' });
  });

  it.each(['play', 'finish'] as const)(
    'comes to its end where it is to stop after it: %s',
    (motion) => {
      start(motion, 900);
      vi.advanceTimersByTime(3000);
      expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
      expect(vi.getTimerCount()).toBe(0);
    },
  );

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
    player.start(2, route, 'rest', null);
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

  describe('with steps that wait for their error', () => {
    beforeEach(() => {
      engine.attempts = 3;
    });

    it('makes one attempt after the other, and shows every frame', async () => {
      start('play');
      await vi.advanceTimersByTimeAsync(5000);
      expect(engine.shown).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(last()).toMatchObject({ frame: 10, network_calls: 30, motion: 'rest' });
      expect(vi.getTimerCount()).toBe(0);
    });

    it('finishes, and steps', async () => {
      start('rest');
      player.step(1);
      await vi.advanceTimersByTimeAsync(500);
      expect(last()).toMatchObject({ frame: 1, computed: 1, network_calls: 3, motion: 'rest' });
      player.move(2, 'finish');
      await vi.advanceTimersByTimeAsync(5000);
      expect(engine.shown).toEqual([0, 1, 10]);
      expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
    });

    it('asks for nothing more where it is stopped and goes on before the answer', async () => {
      start('play');
      await vi.advanceTimersByTimeAsync(70);
      player.move(1, 'rest');
      player.move(2, 'play');
      await vi.advanceTimersByTimeAsync(5000);
      expect(failures).toEqual([]);
      expect(last()).toMatchObject({ turn: 2, frame: 10, network_calls: 30 });
    });

    it('does not hear the answer to a run that was replaced', async () => {
      start('play');
      await vi.advanceTimersByTimeAsync(60);
      expect(engine.pending).toBe(true);
      player.start(2, route, 'rest', null);
      reports.length = 0;
      engine.refused = true;
      await vi.advanceTimersByTimeAsync(5000);
      expect([reports, failures]).toEqual([[], []]);
    });

    it('stops where no step is short enough', async () => {
      engine.refused = true;
      start('play');
      await vi.advanceTimersByTimeAsync(1000);
      expect(failures).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

describe('forks that cannot be', () => {
  const fork = (at: number): Fork => ({ at, spread: null, noise: 0, recipe });

  it('are left out where they come after the end, and the run comes to it', () => {
    player.start(1, { ...route, forks: [fork(900)] }, 'play', null);
    vi.advanceTimersByTime(5000);
    expect(failures).toMatchObject([
      { name: 'RecipeInvalid', message: expect.stringContaining('fork at step 900') as string },
    ]);
    expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are left out where the engine refuses them on the way', () => {
    engine.fork = () => {
      throw new Error('the batch stays as it is');
    };
    player.start(1, { ...route, forks: [fork(4), fork(7)] }, 'play', null);
    vi.advanceTimersByTime(5000);
    expect(failures).toEqual([new Error('the batch stays as it is')]);
    expect(entered.map(({ branch }) => branch)).toEqual([0]);
    expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
  });

  it('leave the branch that there is, which is told', () => {
    start('finish');
    vi.advanceTimersByTime(1000);
    player.show(1, 6);
    player.fork(2, 0, null, fork(6), 'finish');
    vi.advanceTimersByTime(1000);
    // The branch that was to be replaced is closed before the new one is refused.
    engine.fork = ({ replaces }) => {
      engine.branches.splice(replaces ?? 0);
      engine.current = 0;
      throw new Error('there is no memory for it');
    };
    engine.select = (
      (select) => (branch: number) =>
        select(engine.branches[branch] === undefined ? engine.current : branch)
    )(engine.select.bind(engine));
    expect(() => {
      player.fork(3, 0, 1, fork(6), 'play');
    }).toThrow('no memory');
    player.stay();
    expect(entered.at(-1)).toMatchObject({ branch: 0, branches: [0] });
    expect(last()).toMatchObject({ generation: 3, motion: 'rest' });
  });
});

describe('what the engine refuses', () => {
  const fork: Fork = { at: 4, spread: null, noise: 0, recipe };

  beforeEach(() => {
    start('finish');
    vi.advanceTimersByTime(1000);
    player.show(3, 7);
    engine.refusal = new Error('too few steps');
    reports.length = 0;
  });

  it('leaves the run as it was, under the new number', () => {
    expect(() => {
      player.start(2, { ...route, recipe: { ...recipe, steps: 2 } }, 'play', null);
    }).toThrow('too few steps');
    expect(reports).toMatchObject([
      { generation: 2, turn: 3, frame: 7, computed: 10, motion: 'rest' },
    ]);
    expect(engine.shown.at(-1)).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
    player.move(4, 'play');
    vi.advanceTimersByTime(2000);
    expect(last()).toMatchObject({ generation: 2, frame: 10 });
  });

  it('leaves the branch as it was', () => {
    expect(() => {
      player.fork(2, 0, null, fork, 'play');
    }).toThrow('too few steps');
    expect(last()).toMatchObject({ generation: 2, frame: 7, computed: 10, motion: 'rest' });
    engine.refusal = null;
    player.fork(3, 0, null, fork, 'play');
    expect(entered.at(-1)).toMatchObject({ branch: 1, origin: { branch: 0, at: 4 } });
  });

  it('leaves nothing where the run was given back to make room', () => {
    engine.roomless = true;
    expect(() => {
      player.start(2, route, 'play', null);
    }).toThrow('too few steps');
    expect(last()).toMatchObject({ generation: 2, frame: 0, computed: 0, motion: 'rest' });
    player.show(4, 3);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('while something else comes first', () => {
  it('waits, then goes on to where it would have come', () => {
    start('play', 8);
    vi.advanceTimersByTime(300);
    player.hold(true);
    const { frame } = last() ?? { frame: NaN };
    reports.length = 0;
    vi.advanceTimersByTime(5000);
    expect(reports).toEqual([]);
    player.hold(false);
    vi.advanceTimersByTime(5000);
    expect(reports[0]?.frame).toBeLessThanOrEqual(frame + 1);
    expect(last()).toMatchObject({ frame: 8, computed: 8, motion: 'rest' });
  });

  it('stays at rest where it was at rest', () => {
    start('finish');
    vi.advanceTimersByTime(1000);
    player.show(1, 4);
    reports.length = 0;
    player.hold(true);
    player.hold(false);
    vi.advanceTimersByTime(5000);
    expect(reports).toEqual([]);
  });
});

describe('after a loss', () => {
  const lose = () => {
    const lost = new Error('the device is gone');
    lost.name = 'DeviceLost';
    engine.step = () => {
      throw lost;
    };
    vi.advanceTimersByTime(1000);
    const other = new FakeEngine();
    player.resume(other);
    return other;
  };

  it('computes again what was there, then goes on playing', () => {
    start('play');
    vi.advanceTimersByTime(400);
    const { frame, computed } = last() ?? {};
    expect(frame).toBeGreaterThan(1);
    const other = lose();
    player.show(3, 1);
    expect(last()).toMatchObject({ frame: 1, computed, motion: 'rest' });
    player.move(4, 'play');
    vi.advanceTimersByTime(5000);
    expect(other.shown).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(other.shown[0]));
    expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
  });

  it('plays on from the frame that was shown', () => {
    start('play');
    vi.advanceTimersByTime(400);
    const { frame = 0 } = last() ?? {};
    const other = lose();
    vi.advanceTimersByTime(5000);
    expect(other.shown[0]).toBe(frame);
    expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
  });

  it('rests on the frame that it rested on', () => {
    start('finish');
    vi.advanceTimersByTime(2000);
    player.show(1, 4);
    const other = lose();
    vi.advanceTimersByTime(2000);
    expect(other.shown).toEqual([4]);
    expect(other.computed).toBe(10);
    expect(last()).toMatchObject({ frame: 4, computed: 10, motion: 'rest' });
  });

  it('takes the forks of a route when their frames are there', () => {
    const forks: Fork[] = [4, 7].map((at) => ({ at, spread: null, noise: 1, recipe }));
    player.start(1, { ...route, forks }, 'play', null);
    vi.advanceTimersByTime(3000);
    expect(entered.map(({ branch, computed }) => [branch, computed])).toEqual([
      [0, 0],
      [1, 4],
      [2, 7],
    ]);
    expect(engine.branches[2]).toMatchObject({ origin: { branch: 1, at: 7, spread: null } });
    expect(last()).toMatchObject({ frame: 10, computed: 10, motion: 'rest' });
  });

  it('takes the forks that were still to come on another device, too', () => {
    const forks: Fork[] = [2, 7].map((at) => ({ at, spread: null, noise: 1, recipe }));
    player.start(1, { ...route, forks }, 'play', null);
    vi.advanceTimersByTime(400);
    expect(entered.map(({ branch }) => branch)).toEqual([0, 1]);
    const other = lose();
    vi.advanceTimersByTime(5000);
    expect(other.branches.map((wish) => wish?.origin.at)).toEqual([undefined, 2, 7]);
    expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
  });

  it('leaves a run at a frame, and comes back to it', () => {
    start('finish');
    vi.advanceTimersByTime(1000);
    player.show(1, 6);
    player.fork(2, 0, null, { at: 6, spread: null, noise: 0, recipe }, 'play');
    expect(last()).toMatchObject({ generation: 2, frame: 6, computed: 6 });
    vi.advanceTimersByTime(2000);
    expect(last()).toMatchObject({ frame: 10, motion: 'rest' });
    player.select(3, 0, 6);
    expect(entered.at(-1)).toMatchObject({ branch: 0 });
    expect(last()).toMatchObject({ generation: 3, motion: 'rest' });
    player.close(4, 1);
    expect(entered.at(-1)?.branches).toEqual([0]);
  });

  it('makes a branch again on another device, from its trunk on', () => {
    start('finish');
    vi.advanceTimersByTime(1000);
    player.fork(2, 0, null, { at: 6, spread: 0, noise: 3, recipe }, 'finish');
    vi.advanceTimersByTime(1000);
    const other = new FakeEngine();
    player.resume(other);
    vi.advanceTimersByTime(1000);
    expect(other.branches[1]).toMatchObject({ origin: { branch: 0, at: 6, spread: 0 }, noise: 3 });
    expect(other.shown.at(-1)).toBe(10);
  });
});
