import type { ModelFacts, Sampler } from '../engine/types';
import type { PageRecipe } from './page-state';
import { recipeTexts } from './recipe-link';
import type { Branch } from './tree.svelte';

/** What a link's key is called. */
const WORDS: Record<string, string> = {
  steps: 'steps',
  seed: 'seed',
  guidance: 'guidance',
  interval: 'guidance at',
  eta: 'η',
  churn: 'churn',
  spacing: 'spacing',
  sigmas: 'σ',
  attr: '',
  class: 'class',
};

function difference(
  recipe: PageRecipe,
  from: PageRecipe,
  samplers: Sampler[],
  model: ModelFacts | null,
): string[] {
  const before = recipeTexts(from);
  return Object.entries(recipeTexts(recipe))
    .filter(([key, text]) => before[key] !== text && key !== 'batch')
    .map(([key, text]) => {
      if (key === 'sampler') return samplers.find(({ name }) => name === text)?.title ?? text;
      if (key === 'class') return model?.class_names?.[Number(text)] ?? `class ${text}`;
      return `${WORDS[key] ?? key} ${text}`.trim();
    });
}

/** What makes a branch another one than the one that it left. */
export function branchTitle(
  branch: Branch,
  branches: Branch[],
  samplers: Sampler[],
  model: ModelFacts | null,
): string {
  const { origin, route } = branch;
  if (!origin) return samplers.find(({ name }) => name === route.recipe.sampler)?.title ?? 'Trunk';
  const fork = route.forks.at(-1);
  const parent = branches.find(({ number }) => number === origin.branch);
  const what = [
    ...(fork?.spread == null ? [] : [`fan of ${route.recipe.batch}`]),
    ...(parent ? difference(route.recipe, parent.route.recipe, samplers, model) : []),
    ...(fork?.noise && fork.spread === null ? [`noise ${fork.noise}`] : []),
  ];
  return `From ${origin.at}: ${what.join(', ') || 'the same'}`;
}
