import type { Route } from '../engine/protocol';
import type { Recipe, StepFacts } from '../engine/types';
import { quoted } from './link-faults';
import { LARGEST_SEED, MOST_STEPS, type PageRecipe } from './page-state';
import { integer, ownTexts, parseRecipe, reader, recipeTexts } from './recipe-link';

/** Where the way to the branch that is shown left another one. */
export interface PageFork {
  /** The frame. */
  at: number;
  /** The one sample that all of the branch's samples start from. */
  spread: number | null;
  /** 0 draws the noise that the trunk would. */
  noise: number;
  /** The recipe of the branch that it left. */
  from: PageRecipe;
}

/** A branch's recipe, and the forks on the way to it. */
export interface PageRoute {
  recipe: PageRecipe;
  forks: PageFork[];
}

/** The share of signal from which on a picture ends as nearly the same, whatever is changed. */
const DECIDED = 0.9;

/** Whether a fork at this frame comes too late to make another picture. */
export const isLate = (run: { steps: Pick<StepFacts, 'alpha_bar'>[] } | null, frame: number) =>
  (run?.steps[frame]?.alpha_bar ?? 0) > DECIDED;

/** The recipes of the trunk and of every branch on the way. */
export const recipesOf = ({ recipe, forks }: PageRoute): PageRecipe[] => [
  ...forks.map(({ from }) => from),
  recipe,
];

/**
 * Whether two ways leave the same branches at the same frames: then one can take the other's place
 * from its last fork on, whose own noise may differ.
 */
export function leaveAlike(one: readonly PageFork[], other: readonly PageFork[]): boolean {
  const text = (forks: readonly PageFork[]) =>
    JSON.stringify(
      forks.map((fork, index) => ({ ...fork, noise: index < forks.length - 1 && fork.noise })),
    );
  return text(one) === text(other);
}

/** The same in the engine's words. */
export function engineRoute(
  route: PageRoute,
  start: Route['start'],
  translate: (recipe: PageRecipe) => Recipe,
): Route {
  const [trunk, ...branches] = recipesOf(route).map(translate) as [Recipe, ...Recipe[]];
  const forks = route.forks.map(({ at, spread, noise }, index) => ({
    at,
    spread,
    noise,
    recipe: branches[index] ?? trunk,
  }));
  return { start, recipe: trunk, forks };
}

/**
 * A fork as a link has it: the frame, then what differs from the recipe that it left, as in
 * `20;noise=1;sampler=ddpm`.
 */
export function forkText({ at, spread, noise, from }: PageFork, recipe: PageRecipe): string {
  const before = recipeTexts(from);
  const changed = Object.entries(recipeTexts(recipe)).filter(([key, text]) => before[key] !== text);
  const fields = {
    ...(noise === 0 ? {} : { noise: String(noise) }),
    ...(spread === null ? {} : { sample: String(spread) }),
    ...Object.fromEntries(changed),
    ...ownTexts(recipe),
  };
  return [String(at), ...Object.entries(fields).map(([key, text]) => `${key}=${text}`)].join(';');
}

/** The route that a link's forks lead to from the trunk; the first that means nothing ends it. */
export function parseForks(trunk: PageRecipe, texts: string[], faults: string[]): PageRoute {
  const route: PageRoute = { recipe: trunk, forks: [] };
  for (const text of texts) {
    const [where = '', ...pairs] = text.split(';');
    const before = route.forks.at(-1)?.at ?? 0;
    // No path is longer: a branch has no more steps than its recipe, after those before it.
    const end = Math.min(before + route.recipe.steps, MOST_STEPS);
    const at = integer(before, end - 1)(where);
    if (at === undefined) {
      faults.push(quoted('fork', text));
      break;
    }
    const fields = new URLSearchParams();
    for (const pair of pairs) {
      const [key = '', ...value] = pair.split('=');
      fields.set(key, value.join('='));
    }
    const read = reader(fields, faults);
    const from = route.recipe;
    const spread = read<number | null>('sample', null, integer(0, from.batch - 1));
    const recipe = parseRecipe(read, from);
    // Without spreading one, a branch goes on with the samples that are there.
    if (spread === null) recipe.batch = from.batch;
    const noise = read('noise', 0, integer(0, LARGEST_SEED));
    route.forks.push({ at, spread, noise, from });
    route.recipe = recipe;
  }
  return route;
}
