import { describe, expect, it } from 'vitest';
import { defaultState, formatHash, parseHash, type PageState } from './page-state';

const everyFieldChanged: PageState = {
  station: 'forward',
  recipe: {
    sampler: 'ddpm',
    steps: 200,
    seed: 4_294_967_295,
    batch: 16,
    class_label: 3,
    guidance_scale: 4.5,
    eta: 0.25,
  },
  frame: 31,
  forward: { source: 'drawing', sample: 2, timestep: 999, noise_seed: 12, fresh: true },
};

describe('the link', () => {
  it('carries every control there and back', () => {
    expect(parseHash(formatHash(everyFieldChanged))).toEqual({
      state: everyFieldChanged,
      notes: [],
    });
  });

  it.each([null, 'each', 0, 9] as const)('carries the class %s', (class_label) => {
    const state = defaultState();
    state.recipe.class_label = class_label;
    expect(parseHash(formatHash(state)).state.recipe.class_label).toBe(class_label);
  });

  it('may be empty', () => {
    expect(parseHash('')).toEqual({ state: defaultState(), notes: [] });
  });

  it.each([
    'sampler=euler',
    'steps=0',
    'steps=1001',
    'steps=1.5',
    'steps=',
    'seed=-1',
    'batch=17',
    'class=cat',
    'class=-2',
    'guidance=NaN',
    'guidance=21',
    'eta=2',
    'frame=51',
    'sample=4',
    't=1000',
    'noise=pink',
  ])('falls back with a note on %s', (field) => {
    const { state, notes } = parseHash(`#reverse?${field}`);
    expect(state).toEqual(defaultState());
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(field.split('=')[0]);
  });

  it('keeps what it understands beside what it does not', () => {
    const { state, notes } = parseHash('#forward?seed=99&steps=many&colour=red');
    expect(state.station).toBe('forward');
    expect(state.recipe.seed).toBe(99);
    expect(state.recipe.steps).toBe(defaultState().recipe.steps);
    expect(notes).toHaveLength(1);
  });

  it('falls back from an unknown station', () => {
    const { state, notes } = parseHash('#dreams?seed=5');
    expect(state.station).toBe('reverse');
    expect(state.recipe.seed).toBe(5);
    expect(notes[0]).toContain('dreams');
  });
});
