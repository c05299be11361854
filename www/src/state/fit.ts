import type { ModelFacts, Sampler } from '../engine/types';
import { quoted } from './link-faults';
import { defaultState, type PageRecipe } from './page-state';
import { fittedInterval } from './sampler';
import { fitted } from './wish';

/** Changes a recipe to what a model can be asked for; returns the wishes that are dropped. */
export function fitRecipe(
  recipe: PageRecipe,
  model: ModelFacts,
  /** The class, by its name, that the recipe's number stood for in the model before. */
  className: string | null,
): string[] {
  recipe.steps = Math.min(recipe.steps, model.num_train_timesteps);
  const last = model.num_train_timesteps - 1;
  recipe.guidance_interval = fittedInterval(recipe.guidance_interval, last);
  return model.attributes.length > 0
    ? fitAttributes(recipe, model)
    : fitClass(recipe, model.class_names ?? [], className);
}

function fitAttributes(recipe: PageRecipe, { attributes }: ModelFacts): string[] {
  const { kept, dropped } = fitted(attributes, recipe.attributes ?? {});
  recipe.attributes = kept;
  recipe.class_label = null;
  return dropped.map(([name, value]) => `${value} ${name}`);
}

function fitClass(recipe: PageRecipe, names: string[], className: string | null): string[] {
  const dropped: string[] = [];
  // From a model of attributes no class can come.
  if (recipe.attributes) recipe.class_label = 'each';
  recipe.attributes = null;
  if (className !== null) {
    const at = names.indexOf(className);
    recipe.class_label = at < 0 ? 'each' : at;
  } else if (typeof recipe.class_label === 'number' && recipe.class_label >= names.length) {
    dropped.push(`class ${recipe.class_label}`);
    recipe.class_label = 'each';
  }
  if (names.length === 0) recipe.class_label = null;
  return dropped;
}

/** Changes a recipe whose sampler the engine does not know, and returns what is dropped. */
export function fitSampler(recipe: PageRecipe, samplers: Sampler[]): string[] {
  const known = samplers.some(({ name }) => name === recipe.sampler);
  if (samplers.length === 0 || known) return [];
  const dropped = quoted('sampler', recipe.sampler);
  recipe.sampler = defaultState('').recipe.sampler;
  return [dropped];
}
