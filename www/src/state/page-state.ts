import type { ClassLabel, Interval, Recipe } from '../engine/types';
import { parseScheduleOptions, scheduleOptionTexts } from './schedule-options';
import { parseScoreOptions, scoreOptionTexts } from './score-options';
import { intervalText, parseInterval, parseSampler } from './sampler';
import { choicesText, parseChoices, type Choices } from './wish';

export const STATIONS = ['reverse', 'forward'] as const;
export type Station = (typeof STATIONS)[number];
export type ForwardSource = 'sample' | 'drawing';

/** The engine's recipe, with attributes by name; they are `null` for a model of classes. */
export type PageRecipe = Omit<Recipe, 'attributes'> & { attributes: Choices | null };

/** Everything a link carries: the page is a function of it. */
export interface PageState {
  station: Station;
  /** The name of a model's folder. */
  model: string;
  recipe: PageRecipe;
  /** The frame to stop at; `null` lets the run go to its end. */
  frame: number | null;
  forward: {
    source: ForwardSource;
    sample: number;
    timestep: number;
    noise_seed: number;
    /** New noise at every t, or the same. */
    fresh: boolean;
  };
}

export const BATCHES = [1, 4, 9, 16] as const;
export const MOST_STEPS = 1000;
/** The largest that EDM's authors chose (Karras et al. 2022, table 5). */
export const MOST_CHURN = 80;
export const LARGEST_SEED = 0xffff_ffff;

export function defaultState(model: string): PageState {
  return {
    station: 'reverse',
    model,
    recipe: {
      sampler: 'ddim',
      steps: 50,
      seed: 7,
      batch: 4,
      class_label: 'each',
      attributes: null,
      guidance_scale: 2,
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
    },
    frame: null,
    forward: { source: 'sample', sample: 0, timestep: 300, noise_seed: 1, fresh: false },
  };
}

function classText(label: ClassLabel): string {
  return label === null ? 'any' : String(label);
}

/**
 * The part of the address after `#`. Complete, so that a link means the same tomorrow; but for the
 * options that are left to the sampler or the model.
 */
export function formatHash(state: PageState): string {
  const { station, model, recipe, frame, forward } = state;
  const fields = new URLSearchParams({
    model,
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
    ...scheduleOptionTexts(recipe),
    ...scoreOptionTexts(recipe),
  });
  if (frame !== null) fields.set('frame', String(frame));
  if (station === 'forward') {
    fields.set('source', forward.source);
    fields.set('sample', String(forward.sample));
    fields.set('t', String(forward.timestep));
    fields.set('noise', forward.fresh ? 'fresh' : 'same');
    fields.set('noise-seed', String(forward.noise_seed));
  }
  // These signs may stand in an address as they are, and are easier to read; a plus is no space.
  const query = fields
    .toString()
    .replaceAll('+', '%20')
    .replaceAll('%2B', '+')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',');
  return `#${station}?${query}`;
}

/**
 * A damaged or unknown part falls back to its default and leaves a note; the rest is kept. The first
 * of `models` is the default.
 */
export function parseHash(
  hash: string,
  models: readonly string[],
): { state: PageState; notes: string[] } {
  const state = defaultState(models[0] ?? '');
  const notes: string[] = [];
  const [name = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const fields = new URLSearchParams(query.replaceAll('+', '%2B'));

  function read<T>(key: string, fallback: T, parse: (text: string) => T | undefined): T {
    const text = fields.get(key);
    if (text === null) return fallback;
    const value = parse(text);
    if (value !== undefined) return value;
    notes.push(`The link says ${key} “${text.slice(0, 24)}”, which means nothing here.`);
    return fallback;
  }
  const among =
    <T extends string>(...choices: T[]) =>
    (text: string) =>
      choices.find((choice) => choice === text);
  const number = (low: number, high: number) => (text: string) => {
    const value = Number(text);
    return text.trim() !== '' && value >= low && value <= high ? value : undefined;
  };
  const integer = (low: number, high: number) => (text: string) => {
    const value = number(low, high)(text);
    return Number.isInteger(value) ? value : undefined;
  };

  const station = STATIONS.find((known) => known === name);
  if (station) state.station = station;
  else if (name) notes.push(`There is no station “${name.slice(0, 24)}” yet.`);

  const { recipe, forward } = state;
  state.model = read('model', state.model, among(...models));
  recipe.sampler = read('sampler', recipe.sampler, parseSampler);
  recipe.steps = read('steps', recipe.steps, integer(1, MOST_STEPS));
  recipe.seed = read('seed', recipe.seed, integer(0, LARGEST_SEED));
  recipe.batch = read('batch', recipe.batch, integer(1, 16));
  recipe.class_label = read<ClassLabel>('class', recipe.class_label, (text) => {
    if (text === 'any') return null;
    return text === 'each' ? text : integer(0, 9999)(text);
  });
  recipe.attributes = read<Choices | null>('attr', null, parseChoices);
  if (recipe.attributes) recipe.class_label = null;
  recipe.guidance_scale = read('guidance', recipe.guidance_scale, number(0, 20));
  recipe.guidance_interval = read<Interval | null>('interval', null, (text) =>
    parseInterval(text, MOST_STEPS - 1),
  );
  recipe.eta = read('eta', recipe.eta, number(0, 1));
  recipe.s_churn = read('churn', recipe.s_churn, number(0, MOST_CHURN));
  Object.assign(recipe, parseScheduleOptions(read), parseScoreOptions(read));
  state.frame = read('frame', state.frame, integer(0, recipe.steps));
  forward.source = read('source', forward.source, among<ForwardSource>('sample', 'drawing'));
  forward.sample = read('sample', forward.sample, integer(0, recipe.batch - 1));
  forward.timestep = read('t', forward.timestep, integer(0, MOST_STEPS - 1));
  forward.fresh =
    read('noise', forward.fresh ? 'fresh' : 'same', among('same', 'fresh')) === 'fresh';
  forward.noise_seed = read('noise-seed', forward.noise_seed, integer(0, LARGEST_SEED));
  return { state, notes };
}
