import { forkTooLate, isLoss, type Fork, type Motion, type Position, type Route } from './protocol';
import type { Engine, RunFacts } from './types';

/** Work that may wait in the GPU's queue: enough to keep it busy, little enough to stop at once. */
const IN_FLIGHT_MS = 60;
/** A fast device would be through before anyone has seen anything. */
const SHOWN_RUN_MS = 4000;
const LONGEST_FRAME_MS = 100;
const POLL_MS = 4;
/** A picture has to get out before the device is busy again: a share of a step, and at most this. */
const PICTURE_SHARE = 0.1;
const PICTURE_MS = 50;

type PlayerEngine = Pick<
  Engine,
  | 'start'
  | 'fork'
  | 'select'
  | 'close'
  | 'set_forward_image'
  | 'show_forward'
  | 'step'
  | 'is_pending'
  | 'settle'
  | 'network_calls'
  | 'in_flight_ms'
  | 'ms_per_step'
  | 'show'
>;

/** Moves through a run: computes the frames that are missing and shows the one it stands on. */
export class Player {
  #engine: PlayerEngine;
  readonly #enter: (generation: number, run: RunFacts) => void;
  readonly #report: (position: Position) => void;
  readonly #fail: (thrown: unknown, generation: number) => void;
  #generation = 0;
  /** Counts what is waited for, and what replaced it: an answer to neither comes too late. */
  #wait = 0;
  #waiting = false;
  #turn = 0;
  #steps = 0;
  #frame = 0;
  #computed = 0;
  /** What makes each branch again, by number, and which one is played. */
  #routes = new Map<number, Route>();
  #branch = 0;
  /** Forks on the way to the branch that is asked for. */
  #forks: Fork[] = [];
  /** Steps that went with a device. */
  #owed = 0;
  #motion: Motion = 'rest';
  #stopAt: number | null = null;
  #visible = true;
  #held = false;
  #due = 0;
  /** When the picture that was presented last is out. */
  #out = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `enter` hears of every branch that becomes the current one. */
  constructor(
    engine: PlayerEngine,
    enter: (generation: number, run: RunFacts) => void,
    report: (position: Position) => void,
    fail: (thrown: unknown, generation: number) => void,
  ) {
    this.#engine = engine;
    this.#enter = enter;
    this.#report = report;
    this.#fail = fail;
  }

  start(generation: number, route: Route, motion: Motion, stopAt: number | null): void {
    this.#generation = generation;
    this.#forgetWait();
    this.#orAsItWas(() => {
      this.#begin(route);
    });
    this.#frame = this.#owed = 0;
    this.#stopAt = stopAt;
    this.#motion = motion;
    this.#present(0);
    this.#wake();
  }

  /** Leaves a branch at a kept frame. */
  fork(
    generation: number,
    branch: number,
    replaces: number | null,
    fork: Fork,
    motion: Motion,
  ): void {
    this.#generation = generation;
    this.#forgetWait();
    const { at, spread, noise, recipe } = fork;
    const route = this.#routes.get(branch);
    const origin = { branch, at, spread };
    const facts = this.#orAsItWas(() => this.#engine.fork({ recipe, origin, noise, replaces }));
    if (route) this.#branchOff(facts, route, fork);
    this.#goOn(facts, motion);
  }

  /** Nothing came of a fork: says which branch there still is. */
  stay(): void {
    if (this.#steps === 0) return;
    this.#goOn(this.#engine.select(this.#branch), 'rest');
  }

  /** Goes to another branch, at a frame if it is kept there. */
  select(generation: number, branch: number, frame: number): void {
    this.#generation = generation;
    this.#forgetWait();
    this.#frame = frame;
    this.#goOn(this.#engine.select(branch), 'rest');
  }

  close(generation: number, branch: number): void {
    this.#generation = generation;
    this.#forgetWait();
    this.#goOn(this.#engine.close(branch), 'rest');
  }

  /** Goes on with an engine whose device is in the place of one that was lost. */
  resume(engine: PlayerEngine): void {
    this.#engine = engine;
    this.#forgetWait();
    const route = this.#routes.get(this.#branch);
    if (!route) return;
    this.#owed = this.#known;
    this.#begin({ ...route, forks: [...route.forks, ...this.#forks] });
    this.#due = 0;
    this.#present(this.#frame);
    this.#settle();
  }

  /** What the engine refuses leaves all as it was, under the number of what was asked for. */
  #orAsItWas<T>(ask: () => T): T {
    try {
      return ask();
    } catch (thrown) {
      if (!isLoss(thrown)) this.#stay();
      throw thrown;
    }
  }

  #stay(): void {
    try {
      this.#present(this.#frame);
    } catch {
      // It was given back to make room for what did not fit all the same.
      this.#reset();
    }
    this.#settle();
  }

  /** The trunk of a route; its forks come when they are reached. */
  #begin(route: Route): void {
    const { start, recipe, forks } = route;
    if (start) {
      this.#engine.set_forward_image(start.values);
      this.#engine.show_forward(start.timestep, start.noise_seed);
    }
    const facts = this.#engine.start(recipe, start !== null);
    this.#routes.clear();
    this.#routes.set(facts.branch, { ...route, forks: [] });
    this.#forks = [...forks];
    this.#take(facts);
  }

  /** The next fork on the way, once its frame is there. */
  #forkOnTheWay(fork: Fork): number {
    const { at, spread, noise, recipe } = fork;
    const route = this.#routes.get(this.#branch);
    const origin = { branch: this.#branch, at, spread };
    let facts: RunFacts;
    try {
      facts = this.#engine.fork({ recipe, origin, noise, replaces: null });
    } catch (thrown) {
      if (isLoss(thrown)) throw thrown;
      this.#dropForks(thrown);
      return 0;
    }
    this.#forks.shift();
    if (route) this.#branchOff(facts, route, fork);
    this.#take(facts);
    if (this.#forks.length === 0 && this.#stopAt !== null && this.#stopAt < this.#frame) {
      this.#present(this.#stopAt);
    }
    return 0;
  }

  /** The branch that is there goes on without those that were to leave it. */
  #dropForks(thrown: unknown): void {
    this.#forks = [];
    this.#fail(thrown, this.#generation);
  }

  #branchOff(facts: RunFacts, { start, recipe, forks }: Route, fork: Fork): void {
    const before = forks.filter(({ at }) => at < fork.at);
    this.#routes.set(facts.branch, { start, recipe, forks: [...before, fork] });
  }

  #take(facts: RunFacts): void {
    this.#branch = facts.branch;
    this.#steps = facts.steps.length;
    this.#computed = facts.computed;
    for (const branch of this.#routes.keys()) {
      if (!facts.branches.includes(branch)) this.#routes.delete(branch);
    }
    this.#enter(this.#generation, facts);
  }

  /** On another branch: from the frame that is shown, if it is there. */
  #goOn(facts: RunFacts, motion: Motion): void {
    this.#forks = [];
    this.#stopAt = null;
    this.#owed = 0;
    this.#take(facts);
    this.#motion = motion;
    this.#due = 0;
    this.#present(Math.min(this.#frame, this.#computed));
    this.#settle();
  }

  move(turn: number, motion: Motion, stopAt: number | null = null): void {
    this.#turn = turn;
    this.#stopAt = stopAt;
    this.#motion = motion;
    this.#due = 0;
    this.#settle();
  }

  /** One frame forward, computing it if need be, then rest. */
  step(turn: number): void {
    if (this.#frame < this.#known) {
      this.show(turn, this.#frame + 1);
    } else {
      this.move(turn, 'play');
      this.#stopAt = Math.min(this.#frame + 1, this.#steps);
    }
  }

  /** A kept frame, then rest. */
  show(turn: number, frame: number): void {
    this.#turn = turn;
    this.#motion = 'rest';
    // There is nothing to show where the engine refused the run.
    if (this.#steps === 0) return;
    this.#present(Math.min(Math.max(frame, 0), this.#known));
    this.#settle();
  }

  /** The run is gone: nothing is left to show or to compute. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#forgetWait();
    this.#reset();
  }

  #reset(): void {
    this.#routes.clear();
    this.#forks = [];
    this.#steps = this.#frame = this.#computed = this.#owed = 0;
    this.#motion = 'rest';
  }

  setVisible(visible: boolean): void {
    this.#visible = visible;
    this.#wake();
  }

  /** What else the engine does meanwhile comes first; then the run goes on as if nothing had been. */
  hold(held: boolean): void {
    this.#held = held;
    this.#wake();
  }

  #settle(): void {
    this.#tell();
    this.#wake();
  }

  #tell(): void {
    this.#report({
      generation: this.#generation,
      turn: this.#turn,
      frame: this.#frame,
      computed: this.#known,
      network_calls: this.#engine.network_calls(),
      motion: this.#motion,
      ms_per_step: this.#engine.ms_per_step(),
    });
  }

  #wake(after = 0): void {
    clearTimeout(this.#timer);
    const idle = this.#motion === 'rest' && !this.#behind;
    if (idle || !this.#visible || this.#held) return;
    this.#timer = setTimeout(() => {
      try {
        this.#wake(this.#tick());
      } catch (thrown) {
        this.#stop(thrown);
      }
    }, after);
  }

  #stop(thrown: unknown): void {
    clearTimeout(this.#timer);
    // After a loss it goes on as it was.
    if (!isLoss(thrown)) this.#motion = 'rest';
    this.#fail(thrown, this.#generation);
  }

  get #target(): number {
    return Math.min(this.#forks[0]?.at ?? this.#stopAt ?? this.#steps, this.#steps);
  }

  /** Whether the device has enough to do; the first step, not yet timed, counts as endless. */
  get #busy(): boolean {
    return this.#waiting || this.#engine.in_flight_ms() > IN_FLIGHT_MS;
  }

  /** Steps that the page knows to be computed, though some may have to be so again. */
  get #known(): number {
    return Math.max(this.#computed, this.#owed);
  }

  get #behind(): boolean {
    return this.#computed < this.#owed;
  }

  #compute(): void {
    this.#reach(this.#engine.step());
    if (this.#engine.is_pending()) void this.#settleStep();
  }

  #reach(computed: number): void {
    const awaited = this.#computed < this.#frame && computed >= this.#frame;
    this.#computed = computed;
    if (awaited) this.#present(this.#frame);
  }

  #forgetWait(): void {
    this.#wait++;
    this.#waiting = false;
  }

  /** An adaptive method knows only from a step's error how to go on. */
  async #settleStep(): Promise<void> {
    const wait = ++this.#wait;
    this.#waiting = true;
    try {
      const computed = await this.#engine.settle();
      if (wait !== this.#wait) return;
      this.#waiting = false;
      this.#reach(computed);
      this.#settle();
    } catch (thrown) {
      if (wait !== this.#wait) return;
      this.#waiting = false;
      this.#stop(thrown);
    }
  }

  #present(frame: number): void {
    this.#frame = frame;
    // What a device took with it is shown when it has been computed again.
    if (frame > this.#computed) return;
    this.#engine.show(frame);
    const share = this.#engine.ms_per_step() * PICTURE_SHARE;
    this.#out = performance.now() + Math.min(share || PICTURE_MS, PICTURE_MS);
  }

  /** Returns the milliseconds after which to look again. */
  #tick(): number {
    const [fork] = this.#forks;
    if (fork && fork.at >= this.#steps) this.#dropForks(forkTooLate(fork.at, this.#steps));
    else if (fork && this.#computed >= fork.at) return this.#forkOnTheWay(fork);
    if (this.#behind) return this.#catchUpTick();
    return this.#motion === 'finish' ? this.#finishTick() : this.#playTick();
  }

  #catchUpTick(): number {
    if (this.#busy) return POLL_MS;
    this.#compute();
    return 0;
  }

  #playTick(): number {
    const now = performance.now();
    if (this.#busy) return POLL_MS;
    if (now < this.#due) return this.#due - now;
    // A frame counts as shown when the device has made it, not when it was asked to.
    if (this.#frame < Math.min(this.#computed, this.#target)) {
      this.#present(this.#frame + 1);
      this.#due = now + Math.min(SHOWN_RUN_MS / this.#steps, LONGEST_FRAME_MS);
    } else if (this.#frame < this.#target) {
      if (now < this.#out) return this.#out - now;
      this.#compute();
    }
    this.#restAt(this.#frame);
    return 0;
  }

  #finishTick(): number {
    if (this.#computed < this.#target) {
      if (this.#busy) return POLL_MS;
      this.#compute();
    }
    if (this.#computed >= this.#target) this.#present(this.#target);
    this.#restAt(this.#computed);
    return 0;
  }

  #restAt(reached: number): void {
    if (this.#forks.length === 0 && reached >= this.#target) {
      this.#motion = 'rest';
      this.#stopAt = null;
    }
    this.#tell();
  }
}
