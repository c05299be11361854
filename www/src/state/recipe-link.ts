import type { ClassLabel, Interval } from '../engine/types';
import { quoted } from './link-faults';
import { BATCHES, LARGEST_SEED, MOST_CHURN, MOST_STEPS, type PageRecipe } from './page-state';
import { parseScheduleOptions, scheduleOptionTexts } from './schedule-options';
import { parseScoreOptions, scoreOptionTexts } from './score-options';
import { intervalText, parseInterval, parseSampler } from './sampler';
import { choicesText, parseChoices, type Choices } from './wish';

/** A value of a link by its key; what means nothing is a fault, and leaves the fallback. */
export type Read = <T>(key: string, fallback: T, parse: (text: string) => T | undefined) => T;

export const among =
  <T extends string>(...choices: T[]) =>
  (text: string) =>
    choices.find((choice) => choice === text);

export const number = (low: number, high: number) => (text: string) => {
  const value = Number(text);
  return text.trim() !== '' && value >= low && value <= high ? value : undefined;
};

export const integer = (low: number, high: number) => (text: string) => {
  const value = number(low, high)(text);
  return Number.isInteger(value) ? value : undefined;
};

/** Reads a link's values by their keys. */
export function reader(fields: URLSearchParams, faults: string[]): Read {
  return (key, fallback, parse) => {
    const text = fields.get(key);
    if (text === null) return fallback;
    const value = parse(text);
    if (value !== undefined) return value;
    faults.push(quoted(key, text));
    return fallback;
  };
}

/**
 * A recipe as a link's keys and values. Complete, so that a link means the same tomorrow; but for
 * the options that are left to the sampler or the model.
 */
export function recipeTexts(recipe: PageRecipe): Record<string, string> {
  return {
    sampler: recipe.sampler,
    steps: String(recipe.steps),
    seed: String(recipe.seed),
    batch: String(recipe.batch),
    ...(recipe.attributes
      ? { attr: choicesText(recipe.attributes) }
      : { class: classText(recipe.class_label) }),
    guidance: String(recipe.guidance_scale),
    interval: intervalText(recipe.guidance_interval),
    eta: String(recipe.eta),
    churn: String(recipe.s_churn),
    ...ownTexts(recipe),
  };
}

/** The options that may be left to the sampler or the model: a link has those that are not. */
export const ownTexts = (recipe: PageRecipe): Record<string, string> => ({
  ...scheduleOptionTexts(recipe),
  ...scoreOptionTexts(recipe),
});

/** The recipe that a link changes `base` to. */
export function parseRecipe(read: Read, base: PageRecipe): PageRecipe {
  const attributes = read<Choices | null>('attr', base.attributes, parseChoices);
  const class_label = read<ClassLabel>('class', base.class_label, (text) => {
    if (text === 'any') return null;
    return text === 'each' ? text : integer(0, 9999)(text);
  });
  return {
    sampler: read('sampler', base.sampler, parseSampler),
    steps: read('steps', base.steps, integer(1, MOST_STEPS)),
    seed: read('seed', base.seed, integer(0, LARGEST_SEED)),
    batch: read('batch', base.batch, integer(1, Math.max(...BATCHES))),
    class_label: attributes ? null : class_label,
    attributes,
    guidance_scale: read('guidance', base.guidance_scale, number(0, 20)),
    guidance_interval: read<Interval | null>('interval', base.guidance_interval, (text) =>
      parseInterval(text, MOST_STEPS - 1),
    ),
    eta: read('eta', base.eta, number(0, 1)),
    s_churn: read('churn', base.s_churn, number(0, MOST_CHURN)),
    ...parseScheduleOptions(read),
    ...parseScoreOptions(read),
  };
}

function classText(label: ClassLabel): string {
  return label === null ? 'any' : String(label);
}
