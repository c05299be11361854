import { describe, expect, it } from 'vitest';
import type { Takes } from '../engine/types';
import { ownSchedule } from './schedule-options';

const every: Takes = {
  timestep_spacing: 'linspace',
  sigmas: true,
  spaced_sigmas: true,
  thresholds: ['none', 'clip_sample', 'thresholding'],
};
const none: Takes = {
  timestep_spacing: null,
  sigmas: false,
  spaced_sigmas: false,
  thresholds: [],
};

describe('what a run has by itself', () => {
  it('is the model’s, where the sampler takes it', () => {
    const own = {
      timestep_spacing: 'trailing',
      sigmas: 'karras',
      threshold: 'clip_sample',
    } as const;
    expect(ownSchedule({ takes: every }, own)).toEqual(own);
    expect(ownSchedule({ takes: none }, own)).toEqual({
      timestep_spacing: null,
      sigmas: null,
      threshold: null,
    });
  });

  it('is the sampler’s, where the model has none', () => {
    const own = { timestep_spacing: null, sigmas: 'native', threshold: 'clip_sample' } as const;
    const dynamic: Takes = { ...every, thresholds: ['none', 'thresholding'] };
    expect(ownSchedule({ takes: dynamic }, own)).toEqual({
      timestep_spacing: 'linspace',
      sigmas: 'native',
      threshold: 'none',
    });
  });
});
