import type { ModelFacts, Sigmas, Threshold } from '../engine/types';
import type { PageRecipe } from '../state/page-state';

/** How diffusers does what a sampler of ours does. */
export interface Scheduler {
  /** Its class. */
  name: string;
  /** What it is told beside the model's own config; a sampler's name alone says these. */
  options?: Options;
  /** It visits spaced timesteps (`timestep_spacing`). */
  spaced?: boolean;
  /** It takes noise levels of its own (`use_karras_sigmas` and the like). */
  levels?: boolean;
  thresholds?: readonly Threshold[];
  /** It finds its place among the timesteps by counting, from where it is told to begin. */
  counts?: boolean;
  /** Two calls of the network make one step, and the last one needs no second. */
  pairs?: boolean;
  /** It integrates by SciPy. */
  scipy?: boolean;
  /** Fresh noise at every step, always or as the recipe says. */
  draws?: (recipe: PageRecipe) => boolean;
  /** What each step is told. */
  each?: (recipe: PageRecipe) => Options;
}

export type Options = Record<string, string | number | boolean>;

const always = () => true;
const sigmas = { spaced: true, levels: true, counts: true };
const dynamic: { thresholds: Threshold[] } = { thresholds: ['none', 'thresholding'] };
const any: { thresholds: Threshold[] } = { thresholds: ['none', 'clip_sample', 'thresholding'] };
const multistep = { ...sigmas, ...dynamic, name: 'DPMSolverMultistepScheduler' };

/** By the engine's names. */
export const SCHEDULERS: Record<string, Scheduler> = {
  ddpm: { ...any, name: 'DDPMScheduler', spaced: true, draws: always },
  ddim: {
    ...any,
    name: 'DDIMScheduler',
    spaced: true,
    draws: ({ eta }) => eta > 0,
    each: ({ eta }) => (eta > 0 ? { eta } : {}),
  },
  euler: {
    ...sigmas,
    name: 'EulerDiscreteScheduler',
    draws: ({ s_churn }) => s_churn > 0,
    each: ({ s_churn }) => (s_churn > 0 ? { s_churn } : {}),
  },
  'euler-a': {
    name: 'EulerAncestralDiscreteScheduler',
    spaced: true,
    counts: true,
    draws: always,
  },
  heun: {
    ...sigmas,
    name: 'HeunDiscreteScheduler',
    thresholds: ['none', 'clip_sample'],
    pairs: true,
  },
  lms: { ...sigmas, name: 'LMSDiscreteScheduler', scipy: true },
  dpm2: { ...sigmas, name: 'KDPM2DiscreteScheduler', pairs: true },
  'dpm2-a': { ...sigmas, name: 'KDPM2AncestralDiscreteScheduler', pairs: true, draws: always },
  'dpm++2s': { ...sigmas, ...dynamic, name: 'DPMSolverSinglestepScheduler', spaced: false },
  'dpm++2m': multistep,
  'dpm++2m-sde': { ...multistep, options: { algorithm_type: 'sde-dpmsolver++' }, draws: always },
  'dpm++3m': { ...multistep, options: { solver_order: 3 } },
  deis: { ...sigmas, ...dynamic, name: 'DEISMultistepScheduler' },
  unipc: { ...sigmas, ...dynamic, name: 'UniPCMultistepScheduler' },
  pndm: { name: 'PNDMScheduler', spaced: true },
};

/** What the scheduler is told in the place of the model's own config. */
export function chosenOptions(
  recipe: PageRecipe,
  scheduler: Scheduler,
  own: ModelFacts['scheduler'],
): Options {
  const { timestep_spacing, sigmas, threshold } = recipe;
  return {
    ...scheduler.options,
    ...(timestep_spacing && scheduler.spaced && { timestep_spacing }),
    ...(sigmas && scheduler.levels && levelOptions(sigmas, own.sigmas)),
    ...(threshold && scheduler.thresholds?.includes(threshold) && thresholdOptions(threshold, own)),
  };
}

function levelOptions(chosen: Sigmas, own: Sigmas): Options {
  const named = (sigmas: Sigmas, on: boolean) =>
    sigmas === 'native' ? {} : { [`use_${sigmas}_sigmas`]: on };
  return { ...named(own, false), ...named(chosen, true) };
}

/** What `DDPMScheduler()` has by itself and other classes have not. */
export const untold = ({ thresholds }: Scheduler): Options => ({
  beta_start: 0.0001,
  beta_end: 0.02,
  ...(thresholds?.includes('clip_sample') && { clip_sample: true }),
});

/** A threshold of the model's own kind keeps its numbers; others have the engine's. */
function thresholdOptions(chosen: Threshold, own: ModelFacts['scheduler']): Options {
  if (chosen === own.threshold) return {};
  const numbers = {
    none: {},
    clip_sample: { clip_sample_range: 1 },
    thresholding: { dynamic_thresholding_ratio: 0.995, sample_max_value: 1 },
  };
  const [clip_sample, thresholding] = [chosen === 'clip_sample', chosen === 'thresholding'];
  return { clip_sample, thresholding, ...numbers[chosen] };
}

const CONTINUOUS =
  'has no such scheduler for a network of timesteps: Reverie runs it in continuous time.';

/** Why diffusers does not do the others, after its name. */
export const WITHOUT: Record<string, string> = {
  edm: 'has no Heun method with churn. Its Heun is the sampler “heun” here.',
  'edm-euler':
    'has EDM’s Euler method for networks that were trained with EDM’s preconditioning only, and this one was not. The sampler “euler” takes churn too.',
  'reverse-sde': CONTINUOUS,
  pc: CONTINUOUS,
  ald: CONTINUOUS,
  'pf-ode': CONTINUOUS,
  rk45: CONTINUOUS,
};
