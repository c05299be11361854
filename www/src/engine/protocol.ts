import type { Preference } from './engines';
import type { ProofAnswers, ProofQuestion } from './proof';
import type { RaceNews } from './racing';
import type { Shaders } from './shaders';
import type { Span } from './startup';
import type {
  ChainMoment,
  DeviceFacts,
  ForwardFacts,
  Histogram,
  Look,
  Lens,
  ModelFacts,
  Moment,
  PlanFacts,
  RaceWish,
  Recipe,
  RunFacts,
  Sampler,
  ScheduleFacts,
  Schedules,
  SelfTest,
  Strips,
  Surface,
} from './types';

/** What a question to the engine answers with. */
export interface Answers extends ProofAnswers {
  pixels: Float32Array;
  histogram: Histogram;
  chain: ChainMoment;
  look: Look;
  moment: Moment;
  thumbnails: Uint8Array;
  variance: Float32Array;
  distances: Float32Array;
  schedules: Schedules;
  plan_steps: PlanFacts;
  strips: Strips;
  self_test: SelfTest;
  startup: Span[];
}

export type Question =
  | { ask: 'pixels'; surface: Surface; frame: number }
  | { ask: 'histogram'; surface: Surface; frame: number }
  | { ask: 'chain'; timestep: number; noise_seed: number }
  | { ask: 'look'; recipe: Recipe }
  | { ask: 'moment'; frame: number; sample: number }
  | { ask: 'thumbnails'; branch: number; frames: number[]; sample: number }
  | { ask: 'variance'; lens: Lens; frame: number; samples: number; channels: number }
  | { ask: 'distances'; pictures: Float32Array; reference: Float32Array }
  | { ask: 'schedules' }
  | { ask: 'plan_steps'; recipe: Recipe }
  | { ask: 'strips'; x0: Float32Array; noise_seed: number; rescaled: boolean }
  | { ask: 'self_test' }
  | { ask: 'startup' }
  | ProofQuestion;

/** `play` goes on from the frame that is shown; `finish` computes the rest, then shows the end. */
export type Motion = 'rest' | 'play' | 'finish';

/** A branch from a frame of the path so far. */
export interface Fork {
  at: number;
  /** The one sample that all of the branch's samples start from. */
  spread: number | null;
  /** 0 draws the noise that the trunk would. */
  noise: number;
  recipe: Recipe;
}

/** x_t of a picture, in the place of x_T. */
export interface StartPicture {
  /** NCHW, of the model's size and range. */
  values: Float32Array;
  timestep: number;
  noise_seed: number;
}

/** All that decides the frames of a branch: the trunk, and the forks on the way. */
export interface Route {
  start: StartPicture | null;
  recipe: Recipe;
  forks: Fork[];
}

/** Where in the run the player stands. */
export interface Position {
  generation: number;
  turn: number;
  /** The frame that is shown. */
  frame: number;
  /** Steps that have been computed: frames 0 to this one are kept. */
  computed: number;
  /** Passes of the network so far. */
  network_calls: number;
  motion: Motion;
  ms_per_step: number;
}

/** What computes: WebGPU, or the processor for those without. */
export type EngineKind = 'gpu' | 'cpu';

/** What is asked for; `auto` leaves it to the page. */
export type EngineWish = 'auto' | EngineKind;

/** Milliseconds a pass of a model, on a software adapter and on the CPU engine. */
export interface Trial {
  model: string;
  gpu_ms: number;
  cpu_ms: number;
}

/** Which engine it is, and why. */
export interface Chosen {
  kind: EngineKind;
  wish: EngineWish;
  /** What this browser or its adapter is short of for the other one. */
  lack: Problem | null;
  /** What was measured, where the adapter is a software one. */
  trial: Trial | null;
}

/** Where the engine lives: on the page's own thread where only that has WebGPU. */
export type ThreadName = 'worker' | 'page';

export type ToWorker =
  | {
      type: 'boot';
      model: string;
      base: string;
      /** When the page was asked for: its clock's `timeOrigin`. */
      origin: number;
      preference: Preference;
      surfaces: Record<Surface, OffscreenCanvas>;
    }
  /** Ends the run at once, opens another model, fetched or from its files, and answers `ready`. */
  | { type: 'model'; model: string; files?: Map<string, Uint8Array> }
  /** Ends the run at once. Messages about it carry an older generation, and the page drops them. */
  | { type: 'run'; generation: number; route: Route; motion: Motion; stop_at: number | null }
  /** Leaves a branch at a kept frame; `replaces` is closed first. */
  | {
      type: 'fork';
      generation: number;
      branch: number;
      replaces: number | null;
      fork: Fork;
      motion: Motion;
    }
  /** Goes to another branch, at a frame if it is kept there. */
  | { type: 'select'; generation: number; branch: number; frame: number }
  | { type: 'close'; generation: number; branch: number }
  /** `turn` counts these three: reports that do not know of the latest yet are out of date. */
  | { type: 'move'; turn: number; motion: Motion; stop_at: number | null }
  | { type: 'step'; turn: number }
  | { type: 'show'; turn: number; frame: number }
  | { type: 'visible'; visible: boolean }
  /** The run waits meanwhile; `id` tells races apart. */
  | { type: 'race'; id: number; wish: RaceWish }
  | { type: 'end_race'; id: number }
  | { type: 'forward_image'; values: Float32Array }
  | { type: 'forward'; timestep: number; noise_seed: number }
  | { type: 'question'; id: number; question: Question };

export interface Problem {
  /** `NoWebGpu`, `NoAdapter`, `DeviceLost`, `WeightsCorrupt`, … */
  name: string;
  message: string;
}

export interface Download {
  received: number;
  total: number;
  /** All of it came from the browser's own cache. */
  cached: boolean;
}

/** How far the opening of a model has come. */
export interface Opening {
  download: Download | null;
  shaders: Shaders | null;
}

/** What the engine tells unasked. */
export type News =
  | { type: 'download'; download: Download }
  | { type: 'shaders'; shaders: Shaders }
  | { type: 'samplers'; samplers: Sampler[] }
  | { type: 'device'; device: DeviceFacts; thread: ThreadName; chosen: Chosen }
  /** The shaders were tried; a trial is to be kept: another visit need not find it out again. */
  | { type: 'tried'; key: string; chosen: Chosen }
  | { type: 'ready'; name: string; model: ModelFacts; schedule: ScheduleFacts }
  | { type: 'started'; generation: number; run: RunFacts }
  | ({ type: 'frame' } & Position)
  | { type: 'forward'; facts: ForwardFacts }
  | { type: 'race'; id: number; news: RaceNews }
  /** The device was lost, and another one is in its place: the run goes on where it was. */
  | { type: 'recovered' }
  /** A wish that could not be met: the engine goes on. */
  | { type: 'refused'; wish: 'model' | 'forward' | 'race'; problem: Problem }
  | { type: 'refused'; wish: 'run'; generation: number; problem: Problem }
  /** The engine cannot go on. */
  | { type: 'failed'; problem: Problem };

export type Reply =
  | { type: 'answer'; id: number; value: Answers[keyof Answers] }
  | { type: 'no_answer'; id: number; problem: Problem };

/** The first word, before anything is handed over: whether WebGPU is to be had on this thread. */
export interface Awake {
  type: 'awake';
  gpu: boolean;
}

export type FromWorker = Awake | News | Reply;

export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message };
  return { name: 'Error', message: String(thrown) };
}

/** The device is gone, or refuses its work just before it says so. */
export const isLoss = (thrown: unknown) => problemOf(thrown).name === 'DeviceLost';

/** A path ends before a fork that was to leave it. */
export const forkTooLate = (at: number, steps: number) =>
  Object.assign(new Error(`The fork at step ${at} is left out: the run has ${steps} steps.`), {
    name: 'RecipeInvalid',
  });
/** What a browser or its adapter may be short of, so that the CPU is left. */
const LACKS = ['NoWebGpu', 'NoAdapter', 'NoDevice'];

/** What a browser is short of, if that is why there is no engine. */
export function lackOf(thrown: unknown): Problem | null {
  const problem = problemOf(thrown);
  return LACKS.includes(problem.name) ? problem : null;
}
