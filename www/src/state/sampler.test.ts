import { describe, expect, it } from 'vitest';
import type { Sampler } from '../engine/types';
import { fittedInterval, grouped, intervalText, parseInterval, parseSampler } from './sampler';

const sampler = (name: string, stochastic: boolean): Sampler => ({
  name,
  title: name,
  paper: '',
  takes_eta: false,
  takes_churn: false,
  stochastic,
  defaults: { sde: null, snr: null, langevin_steps: null, tolerance: null },
  takes: { timestep_spacing: null, sigmas: false, spaced_sigmas: false, thresholds: [] },
});

describe('samplers', () => {
  it.each(['ddim', 'dpm++2m-sde', 'euler-a'])('may be called %s', (name) => {
    expect(parseSampler(name)).toBe(name);
  });

  it.each(['', 'DDIM', 'dpm  2m', '<b>', 'x'.repeat(33)])('are not called “%s”', (name) => {
    expect(parseSampler(name)).toBeUndefined();
  });

  it('are grouped by their noise, in the order of the engine', () => {
    const list = [sampler('ddpm', true), sampler('ddim', false), sampler('euler', false)];
    const names = grouped(list).map((group) => group.samplers.map(({ name }) => name));
    expect(names).toEqual([['ddim', 'euler'], ['ddpm']]);
    expect(grouped([sampler('ddim', false)])).toHaveLength(1);
    expect(grouped([])).toEqual([]);
  });
});

describe('the interval of guidance', () => {
  it.each([null, [0, 0], [200, 800], [0, 999]] as const)('goes there and back: %j', (interval) => {
    const copy = interval && ([...interval] as [number, number]);
    expect(parseInterval(intervalText(copy), 999)).toEqual(interval);
  });

  it.each(['', '5', '5:', '8:5', '0:1000', '-1:5', '1.5:2', 'everything'])(
    'is not “%s”',
    (text) => {
      expect(parseInterval(text, 999)).toBeUndefined();
    },
  );

  it('fits a model of fewer timesteps', () => {
    expect(fittedInterval([200, 800], 999)).toEqual([200, 800]);
    expect(fittedInterval([200, 800], 499)).toEqual([200, 499]);
    expect(fittedInterval([600, 800], 499)).toEqual([499, 499]);
    expect(fittedInterval([0, 999], 999)).toBeNull();
    expect(fittedInterval(null, 999)).toBeNull();
  });
});
