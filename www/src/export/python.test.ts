import { expect, test } from 'vitest';
import { folderOf } from '../engine/files';
import { defaultState, type PageRecipe } from '../state/page-state';
import type { Facts } from './condition';
import { pythonScript, type Shown } from './python';

const scheduler = { timestep_spacing: 'trailing', sigmas: 'native', threshold: 'none' } as const;
const digits: Facts = {
  scheduler,
  name: 'digits',
  channels: 1,
  height: 32,
  width: 32,
  class_names: ['0', '1', '2'],
  null_label: 3,
  attributes: [],
};
const portraits: Facts = {
  scheduler,
  name: 'portraits',
  channels: 3,
  height: 32,
  width: 48,
  class_names: null,
  null_label: null,
  attributes: [
    { name: 'skin', title: 'Skin', values: ['light', 'orc'] },
    { name: 'head-wear', title: 'Head-wear', values: ['none', 'crown', 'hood'] },
  ],
};

const PIPELINE = ['unet/config.json', 'scheduler/scheduler_config.json'];
const folder = folderOf('www/models/digits', new Set(PIPELINE));

const shown = (recipe: PageRecipe): Shown => ({ recipe, forks: [], start: null });

function script(recipe: Partial<PageRecipe>, model = digits, files = PIPELINE): string {
  const whole = shown({ ...defaultState('digits').recipe, ...recipe });
  const made = pythonScript(whole, model, folderOf('www/models/digits', new Set(files)));
  return made.kind === 'script' ? made.text : `refused: ${made.why}`;
}

test('a recipe is a program with its numbers', () => {
  const text = script({ steps: 20, batch: 9, seed: 4_294_967_295 });
  expect(text).toContain('STEPS, SAMPLES, SEED = 20, 9, 4294967295');
  expect(text).toContain('from diffusers import DDIMScheduler, UNet2DModel');
  expect(text).toContain('GUIDANCE = 2\n');
  expect(text).toContain('labels = torch.arange(SAMPLES) % 3');
  expect(text).toContain('free = torch.full((SAMPLES,), 3)');
  expect(text).toContain('save("digits.png")');
});

test('a class may be one, or none', () => {
  expect(script({ class_label: 2 })).toContain('labels = torch.full((SAMPLES,), 2)');
  const none = script({ class_label: null });
  expect(none).toContain('labels = torch.full((SAMPLES,), 3)');
  expect(none).not.toContain('GUIDANCE');
});

test('guidance of 1 is the wish alone, of 0 no wish', () => {
  const one = script({ guidance_scale: 1 });
  expect(one).toContain('torch.arange');
  expect(one).not.toMatch(/GUIDANCE|free/);
  expect(script({ guidance_scale: 0 })).toContain('labels = torch.full((SAMPLES,), 3)');
});

test('guidance acts within its interval', () => {
  const text = script({ guidance_interval: [200, 800] });
  expect(text).toContain('ACTS = 200, 800');
  expect(text).toContain('s = GUIDANCE if ACTS[0] <= t <= ACTS[1] else 1.0');
  expect(script({})).not.toContain('ACTS');
});

test('attributes are rows of tables, in the order of the model', () => {
  const text = script(
    { attributes: { 'head-wear': 'hood', skin: 'orc', wings: 'two' } },
    portraits,
  );
  expect(text).toContain('C, H, W = 3, 32, 48');
  expect(text).toContain('{\n    "skin": 1,  # orc\n    "head-wear": 2,  # hood\n}');
  expect(text).toContain('labels = label(WISH)');
  expect(text).toContain('free = label({})');
  const free = script({ attributes: {} }, portraits);
  expect(free).toContain('labels = label({})');
  expect(free).not.toContain('GUIDANCE');
});

test('a model that takes no labels is asked without', () => {
  const text = script({ class_label: null }, { ...digits, class_names: null, null_label: null });
  expect(text).toContain('return unet(x, t).sample');
});

test('noise is handed over where the scheduler draws some, under the number of its step', () => {
  const handed = 'z = noise(step)\n        source.randn_tensor = lambda';
  expect(script({ sampler: 'ddpm' })).toContain(handed);
  expect(script({ eta: 0 })).not.toContain(handed);
  expect(script({ eta: 0.5 })).toContain('scheduler.step(output, t, x, eta=0.5)');
  expect(script({ sampler: 'euler', s_churn: 4 })).toContain('(output, t, x, s_churn=4)');
  expect(script({ sampler: 'dpm2-a' })).toContain('z = noise(call // 2)');
  // The page keeps options of other samplers.
  expect(script({ sampler: 'heun', eta: 1, s_churn: 4 })).not.toMatch(/randn_tensor|eta=|s_churn/);
});

test('samplers that share a class tell it which is meant', () => {
  const loaded = 'MODEL, subfolder="scheduler"';
  expect(script({ sampler: 'dpm++2m' })).toContain(`${loaded})`);
  expect(script({ sampler: 'dpm++3m' })).toContain(`${loaded}, solver_order=3\n)`);
  expect(script({ sampler: 'dpm++2m-sde' })).toContain(
    `${loaded}, algorithm_type="sde-dpmsolver++"\n)`,
  );
});

test('a schedule that is chosen takes the place of the model’s', () => {
  const chosen = {
    timestep_spacing: 'leading',
    sigmas: 'karras',
    threshold: 'thresholding',
  } as const;
  const told = (sampler: string) =>
    /subfolder="scheduler"(.*?),?\n?\)/s
      .exec(script({ ...chosen, sampler }))?.[1]
      ?.replaceAll(',\n    ', ', ');
  const dynamic = 'dynamic_thresholding_ratio=0.995, sample_max_value=1';
  const thresholding = `, clip_sample=False, thresholding=True, ${dynamic}`;
  expect(told('ddim')).toBe(`, timestep_spacing="leading"${thresholding}`);
  expect(told('unipc')).toBe(`, timestep_spacing="leading", use_karras_sigmas=True${thresholding}`);
  expect(told('dpm++2s')).toBe(`, use_karras_sigmas=True${thresholding}`);
  expect(told('heun')).toBe(', timestep_spacing="leading", use_karras_sigmas=True');
  expect(told('pndm')).toBe(', timestep_spacing="leading"');

  const own = { ...scheduler, sigmas: 'beta', threshold: 'clip_sample' } as const;
  const back = script(
    { sampler: 'heun', sigmas: 'native', threshold: 'clip_sample' },
    { ...digits, scheduler: own },
  );
  expect(back).toContain('subfolder="scheduler", use_beta_sigmas=False');
  expect(script({ sampler: 'lms' })).toContain('diffusers scipy pillow');
});

test('what diffusers lacks is refused in a sentence', () => {
  expect(script({ sampler: 'edm' })).toMatch(/^refused: diffusers has no Heun method with churn/);
  for (const sampler of ['edm-euler', 'reverse-sde', 'pc', 'ald', 'pf-ode', 'rk45', 'tomorrows']) {
    expect(script({ sampler })).toMatch(/^refused: diffusers has .*\.$/);
  }
});

test('a run that does not start from noise is refused', () => {
  const { recipe } = defaultState('digits');
  const forks = [{ at: 5, spread: null, noise: 1, from: recipe }];
  const forked = pythonScript({ ...shown(recipe), forks }, digits, folder);
  expect(forked).toMatchObject({ kind: 'none', why: expect.stringContaining('fork') });
});

test('a flat folder is read without subfolders', () => {
  const text = script({}, digits, ['config.json', 'scheduler_config.json']);
  expect(text).toContain('UNet2DModel.from_pretrained(MODEL, torch_dtype');
  expect(text).toContain('DDIMScheduler.from_pretrained(MODEL)');
  expect(text).not.toContain('subfolder');
});

test('a folder without a scheduler gets the one that the engine takes', () => {
  const model = { ...digits, scheduler: { ...scheduler, threshold: 'clip_sample' } as const };
  for (const files of [['config.json'], ['unet/config.json']]) {
    const text = script({ sampler: 'heun', timestep_spacing: 'linspace' }, model, files);
    const told = 'beta_start=0.0001, beta_end=0.02, clip_sample=True, timestep_spacing="linspace"';
    expect(text).toContain(`scheduler = HeunDiscreteScheduler(\n    ${told}\n)`);
    expect(text).not.toContain('subfolder="scheduler"');
  }
  const without = script({ sampler: 'ddim', threshold: 'none' }, model, ['config.json']);
  expect(without).toContain('clip_sample=False, thresholding=False');
});

test('a model of one’s own is looked for by its folder’s name', () => {
  const recipe = shown(defaultState('').recipe);
  const made = pythonScript(recipe, digits, folderOf('my "own"', new Set(PIPELINE)));
  expect(made).toMatchObject({ text: expect.stringContaining('else "my \\"own\\"")') });
});

test('a name is nothing but a name', () => {
  const text = script({}, { ...digits, name: '"""; import os #' });
  expect(text).toContain('save("-import-os-.png")');
});
