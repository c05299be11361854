import type { Folder } from '../engine/files';
import type { PageRoute } from '../state/forks';
import type { PageRecipe, PageState } from '../state/page-state';
import { condition, type Condition, type Facts } from './condition';
import {
  chosenOptions,
  SCHEDULERS,
  untold,
  WITHOUT,
  type Options,
  type Scheduler,
} from './schedulers';

/** A Python program, or what keeps there from being one. */
export type PythonScript = { kind: 'script'; text: string } | { kind: 'none'; why: string };

/** What is shown: a recipe, and how its run came to where it is. */
export interface Shown extends PageRoute {
  /** The picture that it starts from. */
  start: PageState['start'];
}

/** The pictures that are shown by diffusers, from the same noise. */
export function pythonScript(
  { recipe, forks, start }: Shown,
  model: Facts,
  folder: Folder,
): PythonScript {
  if (forks.length > 0 || start) {
    const from = start ? 'starts from a picture' : 'is a fork of another';
    const why = `This run ${from}; a program is written of runs that start from noise.`;
    return { kind: 'none', why };
  }
  const scheduler = SCHEDULERS[recipe.sampler];
  if (!scheduler) {
    const why =
      WITHOUT[recipe.sampler] ?? `has no scheduler that does what “${recipe.sampler}” does.`;
    return { kind: 'none', why: `diffusers ${why}` };
  }
  const asked = condition(recipe, model);
  const name = model.name.replaceAll(/[^\w-]+/g, '-');
  const parts = [
    head(recipe, { ...model, name }, folder, scheduler, asked),
    noise(),
    network(asked, recipe),
    sampling(recipe, scheduler),
    picture(name),
  ];
  return { kind: 'script', text: parts.join('\n\n\n') };
}

function head(
  recipe: PageRecipe,
  model: Facts,
  folder: Folder,
  scheduler: Scheduler,
  asked: Condition,
): string {
  const { name } = model;
  const tables = asked.kind === 'attributes';
  const packages = [
    'torch diffusers',
    tables && 'safetensors',
    (scheduler.scipy || recipe.sigmas === 'beta') && 'scipy',
    'pillow numpy',
  ];
  return lines(
    '#!/usr/bin/env python3',
    `"""${name} by diffusers, from the noise that Reverie takes: the same pictures.`,
    '',
    `pip install ${packages.filter(Boolean).join(' ')}`,
    `python ${name}.py FOLDER    # of the model; left out, it is the one below`,
    '"""',
    '',
    'import math',
    'import sys',
    'from pathlib import Path',
    '',
    'import numpy as np',
    'import torch',
    `from diffusers import ${inOrder(scheduler.name, 'UNet2DModel')}`,
    'from PIL import Image',
    tables && 'from safetensors.torch import load_file',
    '',
    `MODEL = Path(sys.argv[1] if len(sys.argv) > 1 else ${JSON.stringify(folder.path)})`,
    `STEPS, SAMPLES, SEED = ${recipe.steps}, ${recipe.batch}, ${recipe.seed}`,
    `C, H, W = ${model.channels}, ${model.height}, ${model.width}`,
    'X_T = 0xFFFFFFFF  # what the starting noise is called in the place of a step',
    asked.guided && `GUIDANCE = ${recipe.guidance_scale}`,
    asked.guided && recipe.guidance_interval && `ACTS = ${recipe.guidance_interval.join(', ')}`,
    '',
    `unet = UNet2DModel.from_pretrained(${from(folder, 'unet')}, torch_dtype=torch.float32).eval()`,
    made(recipe, model, folder, scheduler),
  );
}

/** Where a part of the model is. */
const from = ({ flat }: Folder, part: string) => (flat ? 'MODEL' : `MODEL, subfolder="${part}"`);

/** The scheduler. */
function made(recipe: PageRecipe, model: Facts, folder: Folder, scheduler: Scheduler): string {
  const options = chosenOptions(recipe, scheduler, model.scheduler);
  if (!folder.scheduled) {
    const given = keywords({ ...untold(scheduler), ...options });
    return lines(
      '# The folder has no scheduler: this one noises as DDPMScheduler() does.',
      fitted(`scheduler = ${scheduler.name}`, given),
    );
  }
  const given = [...from(folder, 'scheduler').split(', '), ...keywords(options)];
  return fitted(`scheduler = ${scheduler.name}.from_pretrained`, given);
}

/** The same normals as in `src/diffusion/noise.rs`. */
function noise(): string {
  return `
def normals(sample, step):
    """Philox4x32-10 counts, Box and Muller make normals of it: a function of seed, sample, step."""
    n, low = (C * H * W + 3) // 4, np.uint64(0xFFFFFFFF)
    c = [np.arange(n, dtype=np.uint64), *(np.full(n, v, np.uint64) for v in (sample, step, 0))]
    k, weyl = [SEED & 0xFFFFFFFF, SEED >> 32], (0x9E3779B9, 0xBB67AE85)
    for i in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        a, b = (np.uint64((k[j] + i * weyl[j]) & 0xFFFFFFFF) for j in (0, 1))
        c = [(q >> np.uint64(32)) ^ c[1] ^ a, q & low, (p >> np.uint64(32)) ^ c[3] ^ b, p & low]
    u = (np.stack(c, 1).reshape(-1, 2) + 0.5) / 2**32
    r, angle = np.sqrt(-2 * np.log(u[:, :1])), 2 * np.pi * u[:, 1:]
    z = (r * np.hstack([np.cos(angle), np.sin(angle)])).reshape(-1)[: C * H * W]
    return z.astype(np.float32).reshape(C, H, W)


def noise(step):
    return torch.from_numpy(np.stack([normals(sample, step) for sample in range(SAMPLES)]))
`.trim();
}

function network(asked: Condition, { guidance_interval }: PageRecipe): string {
  const call = (labels: string) =>
    asked.kind === 'none' ? 'unet(x, t).sample' : `unet(x, t, class_labels=${labels}).sample`;
  if (!asked.guided) {
    return lines(asked.text, '', '', 'def predict(x, t):', `    return ${call('labels')}`);
  }
  return lines(
    asked.text,
    '',
    '',
    'def predict(x, t):',
    '    """u + s (c - u): what the network makes of no wish, and s times the way to the wish\'s."""',
    '    u, c = unet(torch.cat([x, x]), t, class_labels=torch.cat([free, labels])).sample.chunk(2)',
    guidance_interval && '    s = GUIDANCE if ACTS[0] <= t <= ACTS[1] else 1.0',
    `    return u + ${guidance_interval ? 's' : 'GUIDANCE'} * (c - u)`,
  );
}

function sampling(recipe: PageRecipe, scheduler: Scheduler): string {
  const draws = scheduler.draws?.(recipe) ?? false;
  const told = ['output', 't', 'x', ...keywords(scheduler.each?.(recipe))];
  const [counter, step] = scheduler.pairs ? ['call', 'call // 2'] : ['step', 'step'];
  return lines(
    'scheduler.set_timesteps(STEPS)',
    scheduler.counts && 'scheduler.set_begin_index(0)',
    draws && 'source = sys.modules[scheduler.__module__]  # where the scheduler draws its noise',
    'x = noise(X_T) * scheduler.init_noise_sigma',
    'with torch.no_grad():',
    draws
      ? `    for ${counter}, t in enumerate(scheduler.timesteps):`
      : '    for t in scheduler.timesteps:',
    draws && `        z = noise(${step})`,
    draws && '        source.randn_tensor = lambda *_, z=z, **__: z',
    '        output = predict(scheduler.scale_model_input(x, t), t)',
    `        x = scheduler.step(${told.join(', ')}).prev_sample`,
  );
}

/** As `reverie sample` draws it: as square as the samples allow, a grey gap, a whole enlargement. */
function picture(name: string): string {
  return `
columns = math.ceil(math.sqrt(SAMPLES))
rows = math.ceil(SAMPLES / columns)
grid = np.full((rows * (H + 2) - 2, columns * (W + 2) - 2, C), 51, np.uint8)
values = (255 * (x / 2 + 0.5).clamp(0, 1) + 0.5).to(torch.uint8).permute(0, 2, 3, 1).numpy()
for i, value in enumerate(values):
    top, left = i // columns * (H + 2), i % columns * (W + 2)
    grid[top : top + H, left : left + W] = value
scale = math.ceil(256 / max(grid.shape[:2]))
grid = grid.repeat(scale, 0).repeat(scale, 1)
Image.fromarray(grid[:, :, 0] if C == 1 else grid).save("${name}.png")
`.trimStart();
}

/** Options as arguments. */
function keywords(options: Options = {}): string[] {
  const literal = (value: Options[string]) =>
    typeof value === 'boolean' ? (value ? 'True' : 'False') : JSON.stringify(value);
  return Object.entries(options).map(([key, value]) => `${key}=${literal(value)}`);
}

const WIDTH = 100;

/** A call on one line where it fits, its arguments on one of their own, or each on its own. */
function fitted(call: string, given: string[]): string {
  const all = given.join(', ');
  const whole = `${call}(${all})`;
  if (whole.length <= WIDTH) return whole;
  if (all.length + 4 <= WIDTH) return `${call}(\n    ${all}\n)`;
  return lines(`${call}(`, ...given.map((one) => `    ${one},`), ')');
}

/** As imports are sorted. */
function inOrder(...names: string[]): string {
  return names.sort((a, b) => a.localeCompare(b)).join(', ');
}

/** Those that are there. */
function lines(...texts: (string | false | null | undefined)[]): string {
  return texts.filter((text) => typeof text === 'string').join('\n');
}
