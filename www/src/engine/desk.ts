import init, { Engine, samplers } from '@engine';
import models from 'virtual:models';
import type { ModelFile } from './files';
import { Player } from './player';
import {
  problemOf,
  type FromWorker,
  type Question,
  type ThreadName,
  type ToWorker,
} from './protocol';
import type { Surface } from './types';
import { fetchGolden, fetchModel, purgeCache } from './weights';

type Boot = Extract<ToWorker, { type: 'boot' }>;
type AboutRun = Exclude<ToWorker, { type: 'boot' | 'model' }>;

interface Desk {
  engine: Engine;
  player: Player;
}

/** What the desk hears and speaks through: a worker's global scope, or one end of a channel. */
export interface WireEnd {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

/** The model that the engine holds. */
interface Loaded {
  files: ModelFile[];
  folder: URL;
}

let end: WireEnd;
let thread: ThreadName;
let desk: Promise<Desk> | undefined;
let base: string;
let loaded: (Desk & Loaded) | undefined;
/** Counts the models that were asked for: only the latest one is opened. */
let wishes = 0;

function post(message: FromWorker): void {
  end.postMessage(message);
}

function fail(thrown: unknown): void {
  post({ type: 'failed', problem: problemOf(thrown) });
}

/** A run that finds no step short enough ends alone: another recipe may do. */
function failRun(thrown: unknown): void {
  const problem = problemOf(thrown);
  if (problem.name === 'RecipeInvalid') post({ type: 'refused', wish: 'run', problem });
  else post({ type: 'failed', problem });
}

async function createDesk(surfaces: Boot['surfaces']): Promise<Desk> {
  await init();
  post({ type: 'samplers', samplers: samplers() });
  const engine = await Engine.create();
  post({ type: 'device', device: engine.device(), thread });
  for (const [surface, canvas] of Object.entries(surfaces)) {
    engine.attach(surface as Surface, canvas);
  }
  const player = new Player(
    engine,
    (position) => {
      post({ type: 'frame', ...position });
    },
    failRun,
  );
  return { engine, player };
}

/** Fetches a model and puts it in the place of the one that is there. */
async function open(name: string, desk: Promise<Desk>): Promise<void> {
  const wish = ++wishes;
  const current = () => wish === wishes;
  loaded?.player.clear();
  // Nobody's data plan pays for weights that cannot run.
  if (!('gpu' in navigator)) await desk;
  const files = models[name]?.files;
  if (!files) throw new Error(`This page was built without the model “${name}”.`);
  const folder = new URL(`models/${name}/`, base);
  const fetching = fetchModel(files, folder, (download) => {
    if (current()) post({ type: 'download', download });
  });
  let weights: Map<string, Uint8Array>;
  try {
    weights = await fetching;
  } catch (thrown) {
    if (!current()) return;
    // The model that is there can go on.
    if (!loaded) throw thrown;
    post({ type: 'refused', wish: 'model', problem: problemOf(thrown) });
    return;
  }
  const { engine, player } = await desk;
  if (!current()) return;
  const model = await engine.load(weights);
  loaded = { engine, player, files, folder };
  post({ type: 'ready', name, model, alphas_cumprod: engine.schedule().alphas_cumprod });
}

async function boot(message: Boot): Promise<void> {
  base = message.base;
  desk = createDesk(message.surfaces);
  await Promise.all([desk, open(message.model, desk)]);
  const files = Object.values(models).flatMap((model) => model.files);
  void purgeCache(files).catch(() => undefined);
}

async function answer({ engine, files, folder }: Desk & Loaded, question: Question) {
  switch (question.ask) {
    case 'pixels':
      return engine.frame_pixels(question.surface, question.frame);
    case 'histogram':
      return engine.histogram(question.surface, question.frame);
    case 'self_test':
      return engine.self_test(await fetchGolden(files, folder));
  }
}

/** A wish that the engine refuses by name (a class out of range, an empty drawing) ends nothing. */
function attempt(wish: 'run' | 'forward', work: () => void): void {
  try {
    work();
  } catch (thrown) {
    const problem = problemOf(thrown);
    if (problem.name === 'DeviceLost') fail(thrown);
    else post({ type: 'refused', wish, problem });
  }
}

function handle(message: AboutRun, at: Desk & Loaded): void {
  const { engine, player } = at;
  switch (message.type) {
    case 'run':
      attempt('run', () => {
        const { generation, recipe, motion, stop_at } = message;
        const run = player.start(generation, recipe, motion, stop_at);
        post({ type: 'started', generation, run });
      });
      break;
    case 'move':
      player.move(message.turn, message.motion);
      break;
    case 'step':
      player.step(message.turn);
      break;
    case 'show':
      player.show(message.turn, message.frame);
      break;
    case 'visible':
      player.setVisible(message.visible);
      break;
    case 'forward_image':
      attempt('forward', () => {
        engine.set_forward_image(message.source);
      });
      break;
    case 'forward':
      attempt('forward', () => {
        const facts = engine.show_forward(message.timestep, message.noise_seed);
        post({ type: 'forward', facts });
      });
      break;
    case 'question': {
      const { id, question } = message;
      answer(at, question).then(
        (value) => {
          post({ type: 'answer', id, value });
        },
        (thrown: unknown) => {
          post({ type: 'no_answer', id, problem: problemOf(thrown) });
        },
      );
      break;
    }
  }
}

function receive({ data }: MessageEvent<ToWorker>): void {
  if (data.type === 'boot') {
    boot(data).catch(fail);
  } else if (data.type === 'model') {
    if (desk) open(data.model, desk).catch(fail);
  } else if (loaded) {
    try {
      handle(data, loaded);
    } catch (thrown) {
      fail(thrown);
    }
  }
}

/** Answers whoever is at the other end of the wire: one engine on this thread. */
export function serve(wire: WireEnd, name: ThreadName): void {
  end = wire;
  thread = name;
  end.onmessage = receive;
  post({ type: 'awake', gpu: 'gpu' in navigator });
}
