import { SDES, type ScoreOptions, type Sde } from '../engine/types';
import type { Read } from './recipe-link';

export const SDE_TITLES: Record<Sde, string> = {
  vp: 'VP, variance preserving',
  ve: 'VE, variance exploding',
  'sub-vp': 'sub-VP, less noise on the way',
};

export const TOLERANCES = [
  { value: 1e-2, label: '10⁻²' },
  { value: 1e-3, label: '10⁻³' },
  { value: 1e-4, label: '10⁻⁴' },
  { value: 1e-5, label: '10⁻⁵' },
];
export const MOST_LANGEVIN_STEPS = 10;
export const SNRS = { min: 0.02, max: 0.4, step: 0.02 };

/** What links call the options, and what they may say of them; what is left out is the sampler's. */
const OPTIONS: {
  [Name in keyof ScoreOptions]: { key: string; parse: (text: string) => ScoreOptions[Name] };
} = {
  sde: { key: 'sde', parse: (text) => SDES.find((known) => known === text) ?? null },
  snr: { key: 'snr', parse: (text) => within(text, SNRS.min, SNRS.max) },
  langevin_steps: {
    key: 'langevin',
    parse: (text) => {
      const steps = within(text, 1, MOST_LANGEVIN_STEPS);
      return Number.isInteger(steps) ? steps : null;
    },
  },
  tolerance: {
    key: 'tolerance',
    parse: (text) => TOLERANCES.find(({ value }) => value === Number(text))?.value ?? null,
  },
};
const NAMES = Object.keys(OPTIONS) as (keyof ScoreOptions)[];

function within(text: string, low: number, high: number): number | null {
  const value = Number(text);
  return text.trim() !== '' && value >= low && value <= high ? value : null;
}

export function parseScoreOptions(read: Read): ScoreOptions {
  const one = <Name extends keyof ScoreOptions>(name: Name): ScoreOptions[Name] => {
    const { key, parse } = OPTIONS[name];
    return read<ScoreOptions[Name] | null>(key, null, (text) => parse(text) ?? undefined);
  };
  return {
    sde: one('sde'),
    snr: one('snr'),
    langevin_steps: one('langevin_steps'),
    tolerance: one('tolerance'),
  };
}

/** The fields of a link. */
export function scoreOptionTexts(options: ScoreOptions): Record<string, string> {
  const chosen = NAMES.filter((name) => options[name] !== null);
  return Object.fromEntries(chosen.map((name) => [OPTIONS[name].key, String(options[name])]));
}

/** A choice, or `null` where it is what the sampler has by itself. */
export function chosen<T>(value: T, own: T): T | null {
  return value === own ? null : value;
}
