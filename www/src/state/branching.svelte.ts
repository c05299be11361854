import { leaveAlike, type PageRoute } from './forks';
import type { PageRecipe } from './page-state';
import type { Studio } from './studio.svelte';
import type { Branch } from './tree.svelte';

/** Leaving the path of the run, and going from one branch to another. */
export class Branching {
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** Leaves the path at the frame that is shown. */
  fork(change: Partial<PageRecipe> = {}, noise = 0, spread: number | null = null): void {
    const { page, playback, tree } = this.#studio;
    const at = playback.frame;
    if (!tree.current || at >= playback.steps) return;
    const { number, route } = $state.snapshot(tree.current);
    // The page may be on its way to another branch: what is left is the one that is shown.
    const recipe = this.#isShown ? $state.snapshot(page.recipe) : route.recipe;
    // In the past of a fork, it is its parent that is left.
    const forks = route.forks.filter((fork) => fork.at < at);
    const from = route.forks[forks.length]?.from ?? route.recipe;
    page.forks = [...forks, { at, spread, noise, from }];
    page.recipe = { ...recipe, ...change };
    this.#studio.cancelRerun();
    if (spread !== null) page.focus = 0;
    this.#branch(number, null);
  }

  /** Sixteen ways on from the sample in focus, by fresh noise in every step. */
  fan(): void {
    const { page, sampler, model } = this.#studio;
    const { recipe, focus } = page;
    const stochastic = sampler?.stochastic ?? false;
    const classes = model?.class_names?.length ?? 1;
    this.fork(
      {
        batch: 16,
        ...(stochastic ? {} : { sampler: 'ddim', eta: 1 }),
        class_label: recipe.class_label === 'each' ? focus % classes : recipe.class_label,
      },
      1,
      focus,
    );
  }

  /** The noise of the branch that is shown: 0 is the trunk's. */
  setNoise(noise: number): void {
    const fork = this.#studio.page.forks.at(-1);
    if (!fork) return;
    fork.noise = noise;
    this.#studio.rerunSoon();
  }

  /** Makes the branch that is shown anew. Returns whether it is the one that the page is on. */
  remake(): boolean {
    const { run } = this.#studio;
    if (!run?.origin || !this.#isShown) return false;
    this.#branch(run.origin.branch, run.branch);
    return true;
  }

  /** Goes back to what is shown, where the branch that the page was to be on is not there. */
  takeBack(): void {
    const { current } = this.#studio.tree;
    if (!current || this.#isShown) return;
    this.#takeRoute(current.route);
    this.#studio.saveAddress();
  }

  /** Whether the branch that is shown is the one that the page is on, but for its own recipe. */
  get #isShown(): boolean {
    const { tree, page } = this.#studio;
    return tree.current !== undefined && leaveAlike(tree.current.route.forks, page.forks);
  }

  /** Shows another branch, at a frame of its path. */
  select(branch: Branch, frame = this.#studio.playback.frame): void {
    const studio = this.#studio;
    if (branch.number === studio.run?.branch) {
      studio.playback.seek(frame);
      return;
    }
    this.#takeRoute(branch.route);
    studio.playback.motion = 'rest';
    const generation = studio.wish();
    studio.post({ type: 'select', generation, branch: branch.number, frame });
  }

  /** Closes a branch and those that left it. */
  close(branch: Branch): void {
    const { tree, run } = this.#studio;
    const isShown = (number: number | undefined): boolean => {
      const shown = tree.branches.find((one) => one.number === number);
      return (
        shown?.number === branch.number || (shown?.origin ? isShown(shown.origin.branch) : false)
      );
    };
    const parent = tree.branches.find(({ number }) => number === branch.origin?.branch);
    if (parent && isShown(run?.branch)) this.#takeRoute(parent.route);
    const generation = this.#studio.wish();
    this.#studio.post({ type: 'close', generation, branch: branch.number });
  }

  #takeRoute(route: PageRoute): void {
    const { page } = this.#studio;
    Object.assign(page, $state.snapshot(route));
    page.focus = Math.min(page.focus, page.recipe.batch - 1);
    this.#studio.cancelRerun();
  }

  #branch(branch: number, replaces: number | null): void {
    const studio = this.#studio;
    const { page, playback, tree } = studio;
    const fork = page.forks.at(-1);
    if (!studio.model || !fork) return;
    const { at, spread, noise } = fork;
    if (replaces !== null) tree.forget(replaces);
    playback.motion = playback.motionOfPlay();
    page.frame = null;
    studio.post({
      type: 'fork',
      generation: studio.wish(),
      branch,
      replaces,
      fork: { at, spread, noise, recipe: studio.translated($state.snapshot(page.recipe)) },
      motion: playback.motion,
    });
  }
}
