import {
  SIGMAS,
  SPACINGS,
  THRESHOLDS,
  type ModelFacts,
  type Sampler,
  type ScheduleOptions,
  type Sigmas,
  type Spacing,
  type Threshold,
} from '../engine/types';

interface Named<T> {
  value: T;
  label: string;
  title: string;
}

export const SPACING_OPTIONS: Named<Spacing>[] = [
  {
    value: 'leading',
    label: 'leading',
    title: 'From 0 upwards in equal strides: misses the noisiest',
  },
  { value: 'trailing', label: 'trailing', title: 'From T − 1 downwards in equal strides' },
  { value: 'linspace', label: 'linspace', title: 'From T − 1 to 0, both included' },
];
export const SIGMAS_OPTIONS: Named<Sigmas>[] = [
  { value: 'native', label: 'native', title: 'Those of the visited timesteps' },
  { value: 'karras', label: 'Karras', title: 'Evenly in σ to the power 1/7; Karras et al. 2022' },
  { value: 'exponential', label: 'exponential', title: 'Evenly in log σ' },
  { value: 'beta', label: 'beta', title: 'By the quantiles of Beta(0.6, 0.6); Lee et al. 2024' },
];
export const THRESHOLD_OPTIONS: Named<Threshold>[] = [
  { value: 'none', label: 'none', title: 'The estimate as it is' },
  {
    value: 'clip_sample',
    label: 'clip',
    title: 'Clipped to the range of pictures; Ho et al. 2020',
  },
  {
    value: 'thresholding',
    label: 'dynamic',
    title: 'Clipped at a quantile and divided by it; Saharia et al. 2022',
  },
];

/** What links call the options; what is left out is the model's own. */
const KEYS: Record<keyof ScheduleOptions, string> = {
  timestep_spacing: 'spacing',
  sigmas: 'sigmas',
  threshold: 'clip',
};
const NAMES = Object.keys(KEYS) as (keyof ScheduleOptions)[];

type Read = <T>(key: string, fallback: T, parse: (text: string) => T | undefined) => T;

export function parseScheduleOptions(read: Read): ScheduleOptions {
  const among = <T extends string>(key: string, choices: readonly T[]) =>
    read<T | null>(key, null, (text) => choices.find((choice) => choice === text));
  return {
    timestep_spacing: among(KEYS.timestep_spacing, SPACINGS),
    sigmas: among(KEYS.sigmas, SIGMAS),
    threshold: among(KEYS.threshold, THRESHOLDS),
  };
}

/** The fields of a link. */
export function scheduleOptionTexts(options: ScheduleOptions): Record<string, string> {
  const chosen = NAMES.filter((name) => options[name] !== null);
  return Object.fromEntries(chosen.map((name) => [KEYS[name], String(options[name])]));
}

/** What a run has where nothing is chosen; `null` where the sampler has no such option. */
export function ownSchedule(
  { takes }: Pick<Sampler, 'takes'>,
  own: ModelFacts['scheduler'],
): ScheduleOptions {
  const threshold = takes.thresholds.includes(own.threshold) ? own.threshold : 'none';
  return {
    timestep_spacing: takes.timestep_spacing && (own.timestep_spacing ?? takes.timestep_spacing),
    sigmas: takes.sigmas ? own.sigmas : null,
    threshold: takes.thresholds.length > 0 ? threshold : null,
  };
}
