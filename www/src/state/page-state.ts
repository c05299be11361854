import { MEASURES, SCHEDULES, type Measure, type Recipe, type ScheduleName } from '../engine/types';
import { forkText, parseForks, recipesOf, type PageFork } from './forks';
import { quoted } from './link-faults';
import { isShort } from './picture';
import { among, integer, parseRecipe, reader, recipeTexts } from './recipe-link';
import { parseSampler } from './sampler';
import type { Choices } from './wish';

export const STATIONS = ['reverse', 'forward', 'schedules', 'proof'] as const;
export type Station = (typeof STATIONS)[number];
/** Where the picture of the forward process comes from. */
export const SOURCES = ['sample', 'drawing', 'file', 'camera'] as const;
export type ForwardSource = (typeof SOURCES)[number];

/** The engine's recipe, with attributes by name; they are `null` for a model of classes. */
export type PageRecipe = Omit<Recipe, 'attributes'> & { attributes: Choices | null };

/** x_t of a picture, as `pictureText` writes it. */
export interface PageStart {
  timestep: number;
  noise_seed: number;
  picture: string;
}

/** Everything a link carries: the page is a function of it. */
export interface PageState {
  station: Station;
  /** The name of a model's folder. */
  model: string;
  /** The first digits of its weights' SHA-256, if they are known. */
  weights: string | null;
  /** Of the branch that is shown. */
  recipe: PageRecipe;
  /** What the trunk starts from in the place of x_T. */
  start: PageStart | null;
  /** The forks on the way to it; none for the trunk. */
  forks: PageFork[];
  /** The sample that the lenses' numbers and the filmstrip are of. */
  focus: number;
  /** The race that is open. */
  race: RaceState | null;
  /** The frame to stop at; `null` lets the run go to its end. */
  frame: number | null;
  forward: {
    source: ForwardSource;
    sample: number;
    timestep: number;
    noise_seed: number;
    /** New noise at every t, or the same. */
    fresh: boolean;
    /** What was drawn, opened or taken, as `pictureText` writes it; empty while there is none. */
    picture: string;
  };
  schedules: {
    measure: Measure;
    /** The schedule that is looked at; `null` is the model's. */
    schedule: ScheduleName | null;
    /** At zero terminal SNR. */
    rescaled: boolean;
  };
}

export interface RaceState {
  samplers: string[];
  calls: number;
}

export const BATCHES = [1, 4, 9, 16] as const;
export const MOST_STEPS = 1000;
/** Where a slider of steps stops. */
export const STEP_STOPS = [5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000];
/** The largest that EDM's authors chose (Karras et al. 2022, table 5). */
export const MOST_CHURN = 80;
export const LARGEST_SEED = 0xffff_ffff;

/** What runs of a model start with, where that is not what others start with. */
export type Sampling = Partial<
  Pick<PageRecipe, 'sampler' | 'steps' | 'eta' | 'guidance_scale' | 'batch'>
>;

export function defaultState(model: string, sampling: Sampling = {}): PageState {
  return {
    station: 'reverse',
    model,
    weights: null,
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
      ...sampling,
    },
    start: null,
    forks: [],
    focus: 0,
    race: null,
    frame: null,
    forward: {
      source: 'sample',
      sample: 0,
      timestep: 300,
      noise_seed: 1,
      fresh: false,
      picture: '',
    },
    schedules: { measure: 'alpha_bar', schedule: null, rescaled: false },
  };
}

const startText = ({ timestep, noise_seed, picture }: PageStart) =>
  `${timestep}:${noise_seed}:${picture}`;

function parseStart(text: string): PageStart | undefined {
  const [t = '', seed = '', letters = '', ...others] = text.split(':');
  const timestep = integer(0, MOST_STEPS - 1)(t);
  const noise_seed = integer(0, LARGEST_SEED)(seed);
  const picture = parsePictureText(letters);
  if (timestep === undefined || noise_seed === undefined || !picture) return undefined;
  return others.length === 0 ? { timestep, noise_seed, picture } : undefined;
}

/** Only its letters are looked at: what it is of depends on the model. */
const parsePictureText = (text: string) =>
  /^[\w-]+$/.test(text) && isShort(text) ? text : undefined;

/** The part of the address after `#`: the trunk's recipe, and how the branch differs from it. */
export function formatHash(state: PageState): string {
  const { station, model, start, forks, focus, race, frame, forward, schedules } = state;
  const [trunk, ...branches] = recipesOf(state) as [PageRecipe, ...PageRecipe[]];
  const fields = new URLSearchParams({ model, ...recipeTexts(trunk) });
  if (start && isShort(start.picture)) fields.set('start', startText(start));
  forks.forEach((fork, index) => {
    fields.append('fork', forkText(fork, branches[index] ?? trunk));
  });
  if (focus !== 0) fields.set('focus', String(focus));
  if (state.weights) fields.set('weights', state.weights);
  if (frame !== null) fields.set('frame', String(frame));
  if (race) fields.set('race', [race.calls, ...race.samplers].join(','));
  if (station === 'forward') {
    fields.set('source', forward.source);
    fields.set('sample', String(forward.sample));
    fields.set('t', String(forward.timestep));
    fields.set('noise', forward.fresh ? 'fresh' : 'same');
    fields.set('noise-seed', String(forward.noise_seed));
    const { picture } = forward;
    if (forward.source !== 'sample' && picture && isShort(picture)) fields.set('picture', picture);
  }
  if (station === 'schedules') {
    fields.set('measure', schedules.measure);
    if (schedules.schedule) fields.set('schedule', schedules.schedule);
    if (schedules.rescaled) fields.set('terminal', 'zero');
  }
  // These signs may stand in an address as they are, and are easier to read; a plus is no space.
  const query = fields
    .toString()
    .replaceAll('+', '%20')
    .replaceAll('%2B', '+')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%3B', ';')
    .replaceAll('%3D', '=');
  return `#${station}?${query}`;
}

function parseRace(text: string): RaceState | undefined {
  const [calls = '', ...names] = text.split(',');
  const samplers = names.map(parseSampler).filter((name) => name !== undefined);
  const count = integer(1, MOST_STEPS)(calls);
  return count === undefined || samplers.length < names.length
    ? undefined
    : { samplers, calls: count };
}

/**
 * A damaged or unknown part falls back to its default and is one of the faults; the rest is kept. The
 * first of `models` is the default; `samplings` are theirs, and `always` is for each of them.
 */
export function parseHash(
  hash: string,
  models: readonly string[],
  samplings: Readonly<Record<string, Sampling>> = {},
  always: Sampling = {},
): { state: PageState; faults: string[] } {
  const state = defaultState(models[0] ?? '');
  const faults: string[] = [];
  const [name = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const fields = new URLSearchParams(query.replaceAll('+', '%2B'));

  const read = reader(fields, faults);

  const station = STATIONS.find((known) => known === name);
  if (station) state.station = station;
  else if (name) faults.push(quoted('station', name));

  const { forward, schedules } = state;
  state.model = read('model', state.model, among(...models));
  state.weights = read('weights', state.weights, (text) =>
    /^[0-9a-f]{8}$/.test(text) ? text : undefined,
  );
  const defaults = defaultState(state.model, { ...samplings[state.model], ...always }).recipe;
  const trunk = parseRecipe(read, defaults);
  const { recipe, forks } = parseForks(trunk, fields.getAll('fork'), faults);
  Object.assign(state, { recipe, forks });
  state.focus = read('focus', state.focus, integer(0, recipe.batch - 1));
  state.race = read<RaceState | null>('race', null, parseRace);
  const longest = forks.length > 0 ? MOST_STEPS : recipe.steps;
  state.frame = read('frame', state.frame, integer(0, longest));
  forward.source = read('source', forward.source, among(...SOURCES));
  forward.sample = read('sample', forward.sample, integer(0, recipe.batch - 1));
  forward.timestep = read('t', forward.timestep, integer(0, MOST_STEPS - 1));
  forward.fresh =
    read('noise', forward.fresh ? 'fresh' : 'same', among('same', 'fresh')) === 'fresh';
  forward.noise_seed = read('noise-seed', forward.noise_seed, integer(0, LARGEST_SEED));
  forward.picture = read('picture', '', parsePictureText);
  state.start = read<PageStart | null>('start', null, parseStart);
  schedules.measure = read('measure', schedules.measure, among(...MEASURES));
  schedules.schedule = read<ScheduleName | null>('schedule', null, among(...SCHEDULES));
  schedules.rescaled = read('terminal', false, (text) => text === 'zero' || undefined);
  return { state, faults };
}
