/** The surface of the wasm engine, as `src/web` exports it. */

import type { ProofEngine } from './proof';

/** A row of the engine's table of samplers. */
export interface Sampler {
  /** What links call it. */
  name: string;
  title: string;
  paper: string;
  takes_eta: boolean;
  takes_churn: boolean;
  /** It adds fresh noise on the way, with η and churn at 0. */
  stochastic: boolean;
  /** What it has by itself; `null` where it has no such option. */
  defaults: ScoreOptions;
  takes: Takes;
}

/** Which of the model's settings a sampler looks at. */
export interface Takes {
  /** What it has where the model has none; `null` where it visits no list of timesteps. */
  timestep_spacing: Spacing | null;
  /** It takes other noise levels than those of the visited timesteps. */
  sigmas: boolean;
  /** The spacing has a meaning beside such levels. */
  spaced_sigmas: boolean;
  thresholds: Threshold[];
}

/** As diffusers names them. */
export const SPACINGS = ['leading', 'trailing', 'linspace'] as const;
export type Spacing = (typeof SPACINGS)[number];
export const SIGMAS = ['native', 'karras', 'exponential', 'beta'] as const;
export type Sigmas = (typeof SIGMAS)[number];
export const THRESHOLDS = ['none', 'clip_sample', 'thresholding'] as const;
export type Threshold = (typeof THRESHOLDS)[number];

/** What a run sets in the place of the model's own scheduler config; `null` keeps that. */
export interface ScheduleOptions {
  timestep_spacing: Spacing | null;
  sigmas: Sigmas | null;
  /** What is done to x̂0. */
  threshold: Threshold | null;
}

export const SDES = ['vp', 've', 'sub-vp'] as const;
export type Sde = (typeof SDES)[number];

/** Options of the score-based samplers. */
export interface ScoreOptions {
  /** The equation that carries pictures to noise. */
  sde: Sde | null;
  /** How large a Langevin corrector's steps are. */
  snr: number | null;
  /** Langevin steps at each noise level. */
  langevin_steps: number | null;
  /** The error that an adaptive step may make. */
  tolerance: number | null;
}

/** `null` asks for no class, `'each'` for sample i to be of class i (modulo their number). */
export type ClassLabel = number | 'each' | null;

export type Interval = [low: number, high: number];

/**
 * Everything that decides a run's pictures: a run is a pure function of it. A score-based sampler's
 * options that are `null` are left to it.
 */
export interface Recipe extends ScheduleOptions, ScoreOptions {
  /** The name of a sampler. */
  sampler: string;
  steps: number;
  seed: number;
  batch: number;
  class_label: ClassLabel;
  /** The number of a value of each attribute, `null` where it is free; `null` for none at all. */
  attributes: (number | null)[] | null;
  guidance_scale: number;
  /** The lowest and the highest timestep at which guidance acts; `null` for all. */
  guidance_interval: Interval | null;
  /** DDIM's stochasticity: 0 is deterministic, 1 ancestral. */
  eta: number;
  /** EDM's stochasticity: 0 is deterministic. */
  s_churn: number;
}

export interface StepFacts {
  step: number;
  timestep: number;
  alpha_bar: number;
  sigma: number;
  log_snr: number;
}

/** Where a branch left another; `spread` is the one sample that all of its samples start from. */
export interface Origin {
  branch: number;
  /** Steps that were done: the number of the frame. */
  at: number;
  spread: number | null;
}

/** A branch that is wished for. */
export interface ForkWish {
  recipe: Recipe;
  origin: Origin;
  /** 0 draws the noise that the trunk would. */
  noise: number;
  /** A branch to close first. */
  replaces: number | null;
}

/**
 * The branch that is current now. Its frames are those of the branches it came from, up to where it
 * left them, then its own; `steps[k]` is the noise level at which step k+1 sees frame k.
 */
export interface RunFacts {
  /** 0 is the trunk. */
  branch: number;
  origin: Origin | null;
  /** All branches that there are. */
  branches: number[];
  /** Frames that are kept: 0 to this one. */
  computed: number;
  steps: StepFacts[];
  /** Of an adaptive method, those of undivided steps. */
  network_calls: number;
  /** The method chooses its steps' lengths, and so how often it calls the network. */
  adaptive: boolean;
  /** Each call evaluates the network twice, with the condition and without. */
  guided: boolean;
  /** What is kept as ε̂ is v as the network answers it. */
  keeps_v: boolean;
  /** Pixels of the canvas: `columns` × `rows` samples and the gaps between them. */
  width: number;
  height: number;
  columns: number;
  rows: number;
}

/** Names and values are lower-case kebab-case. */
export interface Attribute {
  name: string;
  title: string;
  values: string[];
}

export interface ModelFacts {
  name: string;
  parameters: number;
  gflop: number;
  channels: number;
  height: number;
  width: number;
  class_names: string[] | null;
  null_label: number | null;
  /** What can be asked for instead of a class; empty where there is nothing. */
  attributes: Attribute[];
  description: string | null;
  licence: string | null;
  credits: string | null;
  artists: string[];
  num_train_timesteps: number;
  /** Its own settings; no spacing leaves that to the sampler. */
  scheduler: { timestep_spacing: Spacing | null; sigmas: Sigmas; threshold: Threshold };
  defaults: { sampler: string; steps: number };
  /** Background pixels that were added on every side of the training images. */
  pad: number;
}

export interface DeviceFacts {
  adapter: string;
  vendor: string;
  architecture: string;
  backend: string;
  /** `copy`: frames go through a 2-D canvas, since WebGPU canvases stay blank or there is no WebGPU. */
  presents: 'canvas' | 'copy';
  /** It computes on the processor. */
  software: boolean;
}

export interface SelfTest {
  max_abs: number;
  relative: number;
  /** What the relative difference may be. */
  tolerance: number;
  passed: boolean;
}

/** x_t = signal · x₀ + noise · ε, and of the chain x_t = link_signal · x_(t−1) + link_noise · z_t. */
export interface ForwardFacts {
  alpha_bar: number;
  signal: number;
  noise: number;
  link_signal: number;
  link_noise: number;
  snr: number;
  log_snr: number;
}

/** The values of a picture in equal bins from `low` to `high`; the outermost hold what lies beyond. */
export interface Histogram {
  low: number;
  high: number;
  counts: number[];
  /** How many values N(0, 1) would have in each bin. */
  normal: number[];
  mean: number;
  std: number;
}

/** What is shown of a moment. */
export const LENSES = ['x_t', 'x0_hat', 'eps_hat', 'delta'] as const;
export type Lens = (typeof LENSES)[number];
export type Surface = Lens | 'forward';

/** A register of a sampler's program, as formulas call it. */
export type Register = 'x' | 'saved' | 'h0' | 'h1' | 'h2' | 'h3' | 'x0_hat' | 'eps_hat';

/** A row of a sampler's program: perhaps a call of the network, then combinations. */
export interface Row {
  /** What the network sees. */
  input: Register | null;
  timestep: number | null;
  guidance_scale: number | null;
  /** `to` ← Σ coefficient·register + noise·z. */
  assigns: { to: Register; terms: [Register, number][]; noise: number }[];
  /** The combinations are scaled by a Langevin corrector's norms. */
  langevin: boolean;
}

/** One sample at a moment, in numbers: NCHW, x_t of unit variance. */
export interface Moment {
  frame: number;
  sample: number;
  x_t: Float32Array;
  x0_hat: Float32Array;
  eps_hat: Float32Array;
  /** What the step changed. */
  delta: Float32Array;
  /** What Δ is drawn white at. */
  delta_range: number;
  /** Of x_t. */
  histogram: Histogram;
  /** What the step that led here did. */
  rows: Row[];
}

/** ᾱ of every training timestep, and the signal-to-noise ratio that the last one leaves. */
export interface ScheduleFacts {
  alphas_cumprod: Float32Array;
  terminal_snr: number;
  /** With more of it the reverse process starts from noise that training never saw. */
  largest_terminal_snr: number;
}

/** Measures of a noise level. */
export const MEASURES = ['alpha_bar', 'beta', 'snr', 'log_snr'] as const;
export type Measure = (typeof MEASURES)[number];

/** A schedule at the timesteps of `Schedules`. */
export interface Curves extends Record<Measure, number[]> {
  end: {
    /** √ᾱ of the last timestep: what is left of the picture. */
    signal: number;
    snr: number;
    /** That is little enough to count as pure noise. */
    in_noise: boolean;
  };
}

/** Those of the literature, and `own` for a model's that is none of them. */
export const SCHEDULES = [
  'linear',
  'scaled_linear',
  'quadratic',
  'sigmoid',
  'cosine',
  'own',
] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface NamedSchedule {
  name: ScheduleName;
  /** It is the model's. */
  own: boolean;
  plain: Curves;
  /** At zero terminal SNR; `null` where it is too short to be rescaled. */
  rescaled: Curves | null;
}

export interface Schedules {
  timesteps: number[];
  schedules: NamedSchedule[];
  /** The largest terminal SNR that counts as pure noise. */
  noise_snr: number;
}

/** Where a step of a recipe falls: at its first network call. */
export interface Mark extends Record<Measure, number> {
  timestep: number;
  sigma: number;
  network_calls: number;
}

export interface PlanFacts {
  marks: Mark[];
  network_calls: number;
  adaptive: boolean;
}

/** x_t of one picture at each of `timesteps`, under one schedule after the other. */
export interface Strips {
  timesteps: number[];
  frames: Float32Array;
}

/** x_t as the chain of single steps makes it: NCHW in the model's range. */
export interface ChainMoment {
  values: Float32Array;
  histogram: Histogram;
}

/** What the network makes of one x_t. Errors are root mean squares, in the model's range. */
export interface Look {
  /** NCHW. */
  x0_hat: Float32Array;
  /** Of each pixel, over its channels. */
  errors: Float32Array;
  rms: number;
}

/** Samplers side by side: recipes of one sample each, all from the x_T of sample `sample`. */
export interface RaceWish {
  recipes: Recipe[];
  sample: number;
  /** The network calls that each may make: its steps follow from them. */
  calls: number;
}

/** What a race begins with: recipes are meant by their place in the wish. */
export interface RaceField {
  entrants: Entrant[];
  left_out: LeftOut[];
}

export interface Entrant {
  recipe: number;
  steps: number;
  network_calls: number;
}

/** A recipe that has no part in the race. */
export interface LeftOut {
  recipe: number;
  /** The fewest calls that it can do with; `null` where no number of steps is possible. */
  least_calls: number | null;
  reason: string;
}

export interface Engine extends ProofEngine {
  device(): DeviceFacts;
  /** Gives everything back; nothing may be asked of it any more. */
  free(): void;
  /** Waits until the device is gone; a new engine can then take over the canvases. */
  lost(): Promise<void>;
  /** The kernels that runs of a network take on this device, by the text of its `config.json`. */
  kernels(config: string): string[];
  /** Makes a kernel's pipeline, and waits until the device has it. */
  make_ready(kernel: string): Promise<void>;
  /**
   * A network's weights are on their way; the text of its `config.json` is here. Returns its number;
   * others are not expected any more.
   */
  expect(config: string): number;
  /** The next bytes of its weights. */
  receive(network: number, bytes: Uint8Array): void;
  /** Replaces the model, and ends its run. Its weights may have been received, as a network's. */
  load(files: Map<string, Uint8Array>, network?: number): ModelFacts;
  attach(surface: Surface, canvas: OffscreenCanvas): void;
  /**
   * Replaces the run and its branches, unless the recipe is refused. Frame 0 is kept: x_T, or x_t of the forward process as it
   * was shown last.
   */
  start(recipe: Recipe, from_forward: boolean): RunFacts;
  /** A branch from a kept moment, which becomes the current one. */
  fork(wish: ForkWish): RunFacts;
  /** Makes another branch the current one. */
  select(branch: number): RunFacts;
  /** Closes a branch and all that left it. */
  close(branch: number): RunFacts;
  /** Starts a race in the place of the last one, of those who can do with so few calls. */
  race(wish: RaceWish): RaceField;
  /** Takes everyone a step further; returns whether there was anyone who was not done. */
  race_step(): boolean;
  /** The samples as they are, NCHW one after the other. */
  race_pictures(): Promise<Float32Array>;
  end_race(): void;
  /** One sample's values at a moment of the current path. */
  moment(frame: number, sample: number): Promise<Moment>;
  /** Pictures of a branch's moments, `[frame, H, W]` in RGBA: x_t of one sample. */
  thumbnails(branch: number, frames: Uint32Array, sample: number): Promise<Uint8Array>;
  /** Submits the next step without waiting for it; returns the steps submitted so far. */
  step(): number;
  /** Whether the run goes on only when `settle` has. */
  is_pending(): boolean;
  /** Waits for the error of an adaptive method's step, and returns the steps that are done. */
  settle(): Promise<number>;
  /** Passes of the network so far. */
  network_calls(): number;
  /** Milliseconds of work that the GPU is estimated to have queued. */
  in_flight_ms(): number;
  /** The mean of this run's steps; 0, and the queue endless, before the first is timed. */
  ms_per_step(): number;
  /** Draws kept frame 0..=steps through every lens. Computes no network. */
  show(frame: number): void;
  frame_pixels(surface: Surface, frame: number): Promise<Float32Array>;
  self_test(golden: Uint8Array): Promise<SelfTest>;
  /** One image, NCHW in the model's range. */
  set_forward_image(values: Float32Array): void;
  show_forward(timestep: number, noise_seed: number): ForwardFacts;
  /** Works for a few milliseconds; returns whether the chain has reached the timestep. */
  extend_chain(timestep: number, noise_seed: number): boolean;
  chain(): ChainMoment;
  /** One call of the network on the x_t that is shown, with the recipe's condition and guidance. */
  look(recipe: Recipe): Promise<Look>;
  /** Those of the literature over the model's timesteps, and its own. */
  schedules(): Schedules;
  /** Where the steps of a recipe fall; starts nothing. */
  plan_steps(recipe: Recipe): PlanFacts;
  /** Of a picture CHW and the noise of a seed. */
  strips(x0: Float32Array, noise_seed: number, rescaled: boolean): Strips;
  schedule(): ScheduleFacts;
}
