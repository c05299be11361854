import type { PageRecipe } from './page-state';

/** What another model starts with otherwise, of the settings that were left alone. */
const SETTINGS = [
  ['sampler', 'the sampler'],
  ['steps', 'the number of steps'],
  ['eta', 'η'],
  ['guidance_scale', 'guidance'],
] as const satisfies [keyof PageRecipe, string][];

/** A recipe for another model: what was left as one starts is as the other starts. */
export function moved(recipe: PageRecipe, from: PageRecipe, to: PageRecipe): PageRecipe {
  const untouched = SETTINGS.filter(([key]) => recipe[key] === from[key]);
  return { ...recipe, ...Object.fromEntries(untouched.map(([key]) => [key, to[key]])) };
}

/** What has changed by that, in words; `null` if nothing has. */
export function movedNote(before: PageRecipe, after: PageRecipe, model: string): string | null {
  const changed = SETTINGS.filter(([key]) => before[key] !== after[key]).map(
    ([key, word]) => `${word} is ${after[key]}, and was ${before[key]}`,
  );
  return changed.length > 0 ? `${model} starts otherwise: ${changed.join('; ')}.` : null;
}
