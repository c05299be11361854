import { describe, expect, it } from 'vitest';
import { defaultState, formatHash, parseHash, type PageState } from './page-state';

const MODELS = ['small', 'large'];
const defaults = () => defaultState('small');

const everyFieldChanged: PageState = {
  station: 'forward',
  weights: '1a2b3c4d',
  model: 'large',
  recipe: {
    sampler: 'dpm++2m',
    steps: 200,
    seed: 4_294_967_295,
    batch: 16,
    class_label: 3,
    attributes: null,
    guidance_scale: 4.5,
    guidance_interval: [200, 800],
    eta: 0.25,
    s_churn: 40,
    timestep_spacing: 'linspace',
    sigmas: 'karras',
    threshold: 'thresholding',
    sde: 'sub-vp',
    snr: 0.2,
    langevin_steps: 3,
    tolerance: 1e-5,
  },
  forks: [],
  focus: 3,
  start: { timestep: 700, noise_seed: 3, picture: 'eNpjYA_-' },
  race: { samplers: ['ddim', 'dpm++2m'], calls: 20 },
  frame: 31,
  forward: {
    source: 'drawing',
    sample: 2,
    timestep: 999,
    noise_seed: 12,
    fresh: true,
    picture: 'eNpjYGBg-_',
  },
  schedules: defaults().schedules,
};

describe('the link', () => {
  it('carries every control there and back', () => {
    expect(parseHash(formatHash(everyFieldChanged), MODELS)).toEqual({
      state: everyFieldChanged,
      faults: [],
    });
  });

  it('carries what is looked at in Schedules', () => {
    const state = defaults();
    expect(formatHash({ ...state, station: 'schedules' })).toMatch(/&measure=alpha_bar$/);
    state.station = 'schedules';
    state.schedules = { measure: 'log_snr', schedule: 'scaled_linear', rescaled: true };
    expect(parseHash(formatHash(state), MODELS)).toEqual({ state, faults: [] });
  });

  it.each([null, 'each', 0, 9] as const)('carries the class %s', (class_label) => {
    const state = defaults();
    state.recipe.class_label = class_label;
    expect(parseHash(formatHash(state), MODELS).state.recipe.class_label).toBe(class_label);
  });

  it('carries attributes, to be read by people', () => {
    const state = defaults();
    Object.assign(state.recipe, { class_label: null, attributes: { skin: 'orc', hair: 'pink' } });
    expect(formatHash(state)).toContain('&attr=skin:orc,hair:pink&');
    expect(parseHash(formatHash(state), MODELS)).toEqual({ state, faults: [] });
    state.recipe.attributes = {};
    expect(formatHash(state)).toContain('&attr=free&');
    expect(parseHash(formatHash(state), MODELS)).toEqual({ state, faults: [] });
  });

  it('carries a sampler whose name has plus signs, escaped or not', () => {
    const state = defaults();
    state.recipe.sampler = 'dpm++2m';
    expect(formatHash(state)).toContain('&sampler=dpm++2m&');
    for (const hash of [formatHash(state), '#reverse?sampler=dpm%2B%2B2m']) {
      expect(parseHash(hash, MODELS)).toEqual({ state, faults: [] });
    }
  });

  it('carries a model whose name has a space and a plus', () => {
    const state = defaultState('a b+c');
    expect(parseHash(formatHash(state), ['first', 'a b+c'])).toEqual({ state, faults: [] });
  });

  it('leaves out what is left to the sampler and the model', () => {
    expect(formatHash(defaults())).not.toMatch(/spacing|sigmas|clip|sde|snr|langevin|tolerance/);
    const state = defaults();
    Object.assign(state.recipe, { sampler: 'pc', sde: 've', langevin_steps: 3 });
    expect(formatHash(state)).toMatch(/&sde=ve&langevin=3$/);
    Object.assign(state.recipe, { timestep_spacing: 'trailing', threshold: 'clip_sample' });
    expect(formatHash(state)).toMatch(/&spacing=trailing&clip=clip_sample&sde=ve&langevin=3$/);
  });

  it('may be empty', () => {
    expect(parseHash('', MODELS)).toEqual({ state: defaults(), faults: [] });
  });

  it.each([
    'model=huge',
    'attr=skin',
    'sampler=Euler!',
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
    'interval=8:5',
    'interval=0:1000',
    'eta=2',
    'churn=81',
    'spacing=even',
    'sigmas=Karras',
    'clip=1',
    'sde=ddpm',
    'snr=0.5',
    'langevin=0',
    'langevin=2.5',
    'tolerance=0.5',
    'tolerance=',
    'frame=51',
    'sample=4',
    't=1000',
    'noise=pink',
    'source=scanner',
    'picture=',
    'picture=a%20b',
    'start=',
    'start=1000:1:eNpj',
    'start=500:1',
    'start=500:1:e.pj',
    'start=500:-1:eNpj',
    'measure=entropy',
    'schedule=log',
    'terminal=one',
  ])('falls back and says so on %s', (field) => {
    const { state, faults } = parseHash(`#reverse?${field}`, MODELS);
    expect(state).toEqual(defaults());
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(field.split('=')[0]);
  });

  it('keeps what it understands beside what it does not', () => {
    const { state, faults } = parseHash('#forward?seed=99&steps=many&colour=red', MODELS);
    expect(state.station).toBe('forward');
    expect(state.recipe.seed).toBe(99);
    expect(state.recipe.steps).toBe(defaults().recipe.steps);
    expect(faults).toHaveLength(1);
  });

  it('falls back from an unknown station', () => {
    const { state, faults } = parseHash('#dreams?seed=5', MODELS);
    expect(state.station).toBe('reverse');
    expect(state.recipe.seed).toBe(5);
    expect(faults[0]).toContain('dreams');
  });

  it('carries the way to a branch', () => {
    const state = defaults();
    const trunk = state.recipe;
    const branch = { ...trunk, sampler: 'ddim', eta: 1, class_label: 3 };
    state.forks = [
      { at: 20, spread: null, noise: 0, from: trunk },
      { at: 31, spread: 2, noise: 5, from: branch },
    ];
    state.recipe = { ...branch, batch: 16, sampler: 'pc', snr: 0.2 };
    const hash = formatHash(state);
    expect(hash).toContain(
      '&fork=20;class=3;eta=1&fork=31;noise=5;sample=2;sampler=pc;batch=16;snr=0.2',
    );
    expect(parseHash(hash, MODELS)).toEqual({ state, faults: [] });
  });

  it('leaves the rest of a way out whose fork means nothing', () => {
    const { state, faults } = parseHash('#reverse?fork=20;eta=1&fork=lots&fork=30', MODELS);
    expect(state.forks.map(({ at }) => at)).toEqual([20]);
    expect(state.recipe.eta).toBe(1);
    expect(faults).toEqual(['fork “lots”']);
  });

  it.each([
    '#reverse?steps=5&fork=900',
    '#reverse?steps=5&fork=5',
    '#reverse?steps=5&fork=3;steps=10&fork=13',
    '#reverse?steps=5&fork=3&fork=2',
  ])('has no fork after the end of what it leaves: %s', (hash) => {
    const { state, faults } = parseHash(hash, MODELS);
    expect(faults).toEqual([`fork “${hash.split('fork=').at(-1)}”`]);
    expect(state.forks).toHaveLength(hash.split('fork=').length - 2);
  });

  it('has forks up to the end of what they leave', () => {
    const { state, faults } = parseHash('#reverse?steps=5&fork=4;steps=10&fork=13', MODELS);
    expect([state.forks.map(({ at }) => at), faults]).toEqual([[4, 13], []]);
  });

  it('leaves open how many samples there are, and what the page begins with has its say', () => {
    const few = (hash: string) => parseHash(hash, MODELS, {}, { batch: 1 });
    expect(few('#reverse?class=3').state.recipe.batch).toBe(1);
    expect(few('#reverse?class=3&batch=9').state.recipe.batch).toBe(9);
    expect(few('#reverse?class=3&focus=2').faults).toEqual(['focus “2”']);
  });

  it('starts with what its model starts with', () => {
    const samplings = { large: { eta: 1, steps: 20 } };
    const recipe = (hash: string) => parseHash(hash, MODELS, samplings).state.recipe;
    expect(recipe('#reverse?model=large')).toMatchObject({ eta: 1, steps: 20 });
    expect(recipe('#reverse?model=large&eta=0')).toMatchObject({ eta: 0, steps: 20 });
    expect(recipe('')).toMatchObject({ eta: 0, steps: 50 });
  });
});
