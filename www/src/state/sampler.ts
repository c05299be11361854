import type { Interval, Sampler } from '../engine/types';

/** As the engine's table names them; whether there is one of this name, only the engine knows. */
const NAME = /^[a-z0-9+-]{1,32}$/;

export function parseSampler(text: string): string | undefined {
  return NAME.test(text) ? text : undefined;
}

export interface SamplerGroup {
  title: string;
  samplers: Sampler[];
}

/** The samplers by what their noise does, in the engine's order. */
export function grouped(samplers: readonly Sampler[]): SamplerGroup[] {
  return [
    { title: 'One noise, one picture', samplers: samplers.filter((known) => !known.stochastic) },
    { title: 'Fresh noise at every step', samplers: samplers.filter((known) => known.stochastic) },
  ].filter((group) => group.samplers.length > 0);
}

const ALL = 'all';

/** As links say it: `all`, or `200:800`. */
export function intervalText(interval: Interval | null): string {
  return interval ? interval.join(':') : ALL;
}

export function parseInterval(text: string, last: number): Interval | null | undefined {
  if (text === ALL) return null;
  const [, low, high] = (/^(\d+):(\d+)$/.exec(text) ?? []).map(Number);
  if (low === undefined || high === undefined || low > high || high > last) return undefined;
  return [low, high];
}

/** The part of an interval that is within 0 to `last`; `null` where that is everything. */
export function fittedInterval(interval: Interval | null, last: number): Interval | null {
  if (!interval) return null;
  const [low, high] = interval.map((end) => Math.min(end, last)) as Interval;
  return low === 0 && high === last ? null : [low, high];
}
