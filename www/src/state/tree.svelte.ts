import { SvelteMap } from 'svelte/reactivity';
import type { RunFacts } from '../engine/types';
import { recipesOf, type PageRoute } from './forks';
import type { Studio } from './studio.svelte';

/** A branch that there is, as the page shows it. */
export interface Branch {
  number: number;
  /** The branch that it left, and the frame. */
  origin: { branch: number; at: number } | null;
  route: PageRoute;
  steps: number;
  /** How many forks lead to it. */
  depth: number;
}

/** The filmstrip has at most so many pictures from x_T to the end, unless it shows them all. */
const COLUMNS = 33;
/** Pictures that are asked for at once. */
const AT_ONCE = 12;
const PAUSE_MS = 150;

/** The branches of a run, and small pictures of their frames. */
export class Tree {
  branches: Branch[] = $state.raw([]);
  /** Pictures by branch and frame, RGBA. */
  readonly pictures = new SvelteMap<string, Uint8ClampedArray>();
  /** The filmstrip has every frame, and is as long as that makes it. */
  all = $state(false);
  readonly #studio: Studio;
  #asking = false;
  /** Counts what makes the pictures that are on their way worthless. */
  #era = 0;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  readonly longest = $derived(Math.max(1, ...this.branches.map(({ steps }) => steps)));
  /** Whether there are more frames than the filmstrip has room for. */
  readonly long = $derived(this.longest >= COLUMNS);
  /** Every how many frames the filmstrip has a picture. */
  readonly every = $derived(this.all ? 1 : Math.ceil(this.longest / (COLUMNS - 1)));

  get current(): Branch | undefined {
    return this.branches.find(({ number }) => number === this.#studio.run?.branch);
  }

  static key = (branch: number, frame: number) => `${branch}:${frame}`;

  /** The frames of a branch that the filmstrip shows: its own, and of the trunk x_T. */
  frames({ origin, steps }: Branch): number[] {
    const inner = Array.from({ length: Math.ceil(steps / this.every) }, (_, i) => i * this.every);
    return [...inner, steps].filter((frame) => origin === null || frame > origin.at);
  }

  column = (frame: number) => Math.ceil(frame / this.every);

  /** How many forks lead to a branch. */
  depthOf({ origin }: RunFacts): number {
    const parent = this.branches.find(({ number }) => number === origin?.branch);
    return parent ? parent.depth + 1 : 0;
  }

  /**
   * A branch has become the current one: another is new, and some may be gone. `wish` is where the
   * page's wish leads; `null` for a branch that is known.
   */
  enter(run: RunFacts, wish: PageRoute | null): void {
    const known = this.branches.filter(({ number }) => run.branches.includes(number));
    const others = known.filter(({ number }) => number !== run.branch);
    const entered = wish
      ? [this.#branchOf(run, wish)]
      : known.filter((one) => !others.includes(one));
    this.branches = [...others, ...entered].sort((a, b) => a.number - b.number);
  }

  #branchOf(run: RunFacts, wish: PageRoute): Branch {
    const depth = this.depthOf(run);
    // On the way to a branch of a link, the wish already holds where it leads.
    const forks = wish.forks.slice(0, depth);
    const fork = forks.pop();
    return {
      number: run.branch,
      origin: run.origin,
      route: {
        recipe: recipesOf(wish)[depth] ?? wish.recipe,
        // Where frames are sparse, a fork leaves at the kept one before.
        forks: fork ? [...forks, { ...fork, at: run.origin?.at ?? fork.at }] : forks,
      },
      steps: run.steps.length,
      depth,
    };
  }

  /** Another run is on its way: its pictures are others. */
  clear(): void {
    this.branches = [];
    this.forget();
  }

  /** The pictures are of another sample now, or of a branch that was replaced. */
  forget(branch?: number): void {
    this.#era++;
    for (const key of [...this.pictures.keys()]) {
      if (branch === undefined || key.startsWith(`${branch}:`)) this.pictures.delete(key);
    }
  }

  /** Asks for pictures that are missing, a few at a time; call it when frames have been made. */
  async fill(): Promise<void> {
    const { client, run, page } = this.#studio;
    const { current } = this;
    if (this.#asking || !client || !run || !current) return;
    const missing = this.frames(current)
      .filter((frame) => frame <= this.#studio.playback.computed)
      .filter((frame) => !this.pictures.has(Tree.key(current.number, frame)))
      .slice(0, AT_ONCE);
    if (missing.length === 0) return;
    this.#asking = true;
    const era = this.#era;
    try {
      const branch = current.number;
      const question = { ask: 'thumbnails', branch, frames: missing, sample: page.focus } as const;
      const bytes = await client.ask(question);
      if (era === this.#era) this.#take(branch, missing, bytes);
    } catch {
      // The branch is gone, or its device: there will be others.
    }
    setTimeout(() => {
      this.#asking = false;
      void this.fill();
    }, PAUSE_MS);
  }

  #take(branch: number, frames: number[], bytes: Uint8Array): void {
    const each = bytes.length / frames.length;
    frames.forEach((frame, index) => {
      const picture = Uint8ClampedArray.from(bytes.subarray(index * each, (index + 1) * each));
      this.pictures.set(Tree.key(branch, frame), picture);
    });
  }
}
