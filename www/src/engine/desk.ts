import models from 'virtual:models';
import { findEngine, type Found, type Preference } from './engines';
import { dropped, fetchShipped, type Coming, type Opened } from './coming';
import { GOLDEN, neededFiles } from './files';
import { Player } from './player';
import {
  isLoss,
  problemOf,
  type FromWorker,
  type Problem,
  type Question,
  type ThreadName,
  type ToWorker,
} from './protocol';
import { answerProof } from './proof';
import { race } from './racing';
import { Recovery } from './recovery';
import { makeShaders } from './shaders';
import { spans, trace, traced } from './startup';
import { ShaderTrial } from './trial';
import { tryShaders } from './trying';
import type { Engine, RaceWish, Surface } from './types';
import { fetchGolden, purgeCache } from './weights';

type Boot = Extract<ToWorker, { type: 'boot' }>;
type AboutRun = Exclude<ToWorker, { type: 'boot' | 'model' | 'visible' }>;

interface Desk extends Found {
  player: Player;
  trial: ShaderTrial;
}

/** What the desk hears and speaks through: a worker's global scope, or one end of a channel. */
export interface WireEnd {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

let end: WireEnd;
let thread: ThreadName;
/** The latest one, where a device was lost. */
let desk: Promise<Desk>;
let base: string;
let origin: number;
let loaded: (Desk & Opened & { name: string }) | undefined;
/** Counts what takes the engine time: beside that nothing can be measured. */
let work = 0;
/** Counts the models that were asked for: only the latest one is opened. */
let wishes = 0;
const recovery = new Recovery(
  () => rebuild(),
  (problem) => {
    post({ type: 'failed', problem });
  },
);
let surfaces: Boot['surfaces'];

function post(message: FromWorker): void {
  end.postMessage(message);
}

function fail(thrown: unknown): void {
  const problem = problemOf(thrown);
  if (isLoss(thrown)) recovery.expect(problem);
  else post({ type: 'failed', problem });
}

/** A run that finds no step short enough ends alone: another recipe may do. */
function failRun(thrown: unknown, generation: number): void {
  const problem = problemOf(thrown);
  if (problem.name === 'RecipeInvalid') post({ type: 'refused', wish: 'run', generation, problem });
  else fail(thrown);
}

/** Has an engine take the canvases over. */
function install({ engine, chosen }: Found): void {
  post({ type: 'device', device: engine.device(), thread, chosen });
  for (const [surface, canvas] of Object.entries(surfaces)) {
    engine.attach(surface as Surface, canvas);
  }
  void engine.lost().then(() => {
    recovery.begin();
  });
}

/** The shaders of a network whose config is on its way. */
async function makeShadersFor(engine: Engine, config: Coming['config']): Promise<void> {
  const text = await config;
  if (text === undefined) return;
  await makeShaders(engine, text, (shaders) => {
    post({ type: 'shaders', shaders });
  });
}

async function createDesk(preference: Preference): Promise<Desk> {
  const found = await findEngine(preference);
  const { engine, chosen, untried } = found;
  post({ type: 'samplers', samplers: found.module.samplers() });
  install(found);
  const trial = new ShaderTrial(untried !== null, tryShaders, (came) => {
    post({ type: 'tried', key: untried ?? '', chosen: { ...chosen, ...came } });
  });
  let started: number | undefined;
  let length = 0;
  const player = new Player(
    engine,
    (generation, run) => {
      started ??= performance.now();
      length = run.steps.length;
      work++;
      post({ type: 'started', generation, run });
    },
    (position) => {
      if (started !== undefined && position.ms_per_step > 0) trace('first step', started);
      post({ type: 'frame', ...position });
      if (position.motion !== 'rest') work++;
      else if (loaded && position.computed === length) {
        trial.rest({ engine, model: loaded, work: () => work });
      }
    },
    failRun,
  );
  return { ...found, player, trial };
}

/** Another engine takes the place of one whose device is gone, with the same model and run. */
async function rebuild(): Promise<void> {
  const before = desk;
  desk = (async () => {
    const known = await before;
    const { module, player } = known;
    const engine = await module.Engine.create();
    install({ ...known, engine });
    if (loaded) {
      engine.load(loaded.weights);
      loaded.engine = engine;
    }
    player.resume(engine);
    return { ...known, engine };
  })();
  await desk;
  post({ type: 'recovered' });
}

const fetchModelOf = (name: string, current: () => boolean) =>
  fetchShipped(name, base, (download) => {
    if (current()) post({ type: 'download', download });
  });

/** All that can be done for a network before all of it is there. */
async function prepare(
  engine: Engine,
  { config, upload }: Coming,
  current: () => boolean,
): Promise<void> {
  const text = await config;
  if (text === undefined || !current()) return;
  upload.begin(engine, text);
  await makeShadersFor(engine, config);
}

/** Opens a model in the place of the one that is there, which comes back if it cannot be. */
async function open(name: string, fetch: (current: () => boolean) => Coming): Promise<void> {
  const wish = ++wishes;
  work++;
  const current = () => wish === wishes;
  loaded?.player.clear();
  let emptied = false;
  try {
    const coming = fetch(current);
    const ready = desk.then(({ engine }) => prepare(engine, coming, current));
    // An engine that cannot be had is told at once.
    const [opened] = await Promise.all([coming.opened, ready]);
    const at = await desk;
    if (!current()) return;
    emptied = true;
    const { engine } = at;
    const model = await traced('upload', () =>
      engine.load(opened.weights, coming.upload.networkFor(engine)),
    );
    loaded = { ...at, ...opened, name };
    post({ type: 'ready', name, model, schedule: engine.schedule() });
  } catch (thrown) {
    if (!current()) return;
    if (!loaded || isLoss(thrown)) throw thrown;
    if (emptied) await loaded.engine.load(loaded.weights);
    post({ type: 'refused', wish: 'model', problem: problemOf(thrown) });
  }
}

async function boot(message: Boot): Promise<void> {
  ({ base, origin, surfaces } = message);
  const { model, preference } = message;
  await open(model, (current) => {
    const coming = fetchModelOf(model, current);
    desk = createDesk(preference);
    return coming;
  });
  const files = Object.values(models).flatMap((model) => model.files);
  void purgeCache(files).catch(() => undefined);
}

/** What measures, or computes much: it waits for the end of a trial. */
const LARGE: Question['ask'][] = ['self_test', 'clock_grain', 'time_kernel', 'benchmark'];

/** A long way is gone in pieces, and other messages come between them. */
async function followChain(engine: Engine, timestep: number, noiseSeed: number) {
  while (!engine.extend_chain(timestep, noiseSeed)) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  return engine.chain();
}

async function answer(
  { module, engine, weights, files, folder, trial }: Desk & Opened,
  question: Question,
) {
  if (LARGE.includes(question.ask)) await trial.over;
  switch (question.ask) {
    case 'pixels':
      return engine.frame_pixels(question.surface, question.frame);
    case 'histogram':
      return module.histogram(await engine.frame_pixels(question.surface, question.frame));
    case 'chain':
      return followChain(engine, question.timestep, question.noise_seed);
    case 'look':
      return engine.look(question.recipe);
    case 'moment':
      return engine.moment(question.frame, question.sample);
    case 'thumbnails':
      return engine.thumbnails(question.branch, Uint32Array.from(question.frames), question.sample);
    case 'distances':
      return module.distances(question.pictures, question.reference);
    case 'variance':
      return module.variance(
        await engine.frame_pixels(question.lens, question.frame),
        question.samples,
        question.channels,
      );
    case 'schedules':
      return engine.schedules();
    case 'plan_steps':
      return engine.plan_steps(question.recipe);
    case 'strips':
      return engine.strips(question.x0, question.noise_seed, question.rescaled);
    case 'self_test':
      return engine.self_test(weights.get(GOLDEN) ?? (await fetchGolden(files, folder)));
    case 'startup':
      return spans(origin);
    case 'proof':
      return { ...engine.proof(), files: neededFiles(files) };
    default:
      return answerProof(engine, question);
  }
}

/** A wish that the engine refuses by name (a class out of range) ends nothing. */
function attempt(work: () => void, refuse: (problem: Problem) => void): void {
  try {
    work();
  } catch (thrown) {
    if (isLoss(thrown)) throw thrown;
    refuse(problemOf(thrown));
  }
}

const refuseForward = (problem: Problem) => {
  post({ type: 'refused', wish: 'forward', problem });
};

const refuseRun = (generation: number) => (problem: Problem) => {
  post({ type: 'refused', wish: 'run', generation, problem });
};

/** The latest race, or what ended it. */
let racing = 0;

async function startRace({ engine, player }: Desk, id: number, wish: RaceWish): Promise<void> {
  racing = id;
  work++;
  const isCurrent = () => racing === id;
  player.hold(true);
  try {
    await race(engine, wish, (news) => post({ type: 'race', id, news }), isCurrent);
    if (isCurrent()) engine.end_race();
  } catch (thrown) {
    if (!isCurrent()) return;
    post({ type: 'refused', wish: 'race', problem: problemOf(thrown) });
    if (isLoss(thrown)) fail(thrown);
  } finally {
    if (isCurrent()) player.hold(false);
  }
}

/** What a lost device could not do is done when another one is there. */
function perform(message: AboutRun): void {
  if (!loaded) return;
  try {
    handle(message, loaded);
  } catch (thrown) {
    if (!isLoss(thrown)) fail(thrown);
    else recovery.expect(problemOf(thrown), () => perform(message));
  }
}

function handle(message: AboutRun, at: Desk & Opened): void {
  const { engine, player } = at;
  switch (message.type) {
    case 'run':
      attempt(() => {
        const { generation, route, motion, stop_at } = message;
        const start = performance.now();
        player.start(generation, route, motion, stop_at);
        trace('run', start);
      }, refuseRun(message.generation));
      break;
    case 'fork': {
      const { generation, branch, replaces, fork, motion } = message;
      attempt(
        () => {
          player.fork(generation, branch, replaces, fork, motion);
        },
        (problem) => {
          refuseRun(generation)(problem);
          player.stay();
        },
      );
      break;
    }
    case 'select':
      player.select(message.generation, message.branch, message.frame);
      break;
    case 'close':
      player.close(message.generation, message.branch);
      break;
    case 'move':
      player.move(message.turn, message.motion, message.stop_at);
      break;
    case 'step':
      player.step(message.turn);
      break;
    case 'show':
      player.show(message.turn, message.frame);
      break;
    case 'race':
      void startRace(at, message.id, message.wish);
      break;
    case 'end_race':
      racing = message.id;
      engine.end_race();
      player.hold(false);
      break;
    case 'forward_image':
      attempt(() => {
        engine.set_forward_image(message.values);
      }, refuseForward);
      break;
    case 'forward':
      attempt(() => {
        const facts = engine.show_forward(message.timestep, message.noise_seed);
        post({ type: 'forward', facts });
      }, refuseForward);
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
    const { model, files } = data;
    open(model, (current) => (files ? dropped(files, base) : fetchModelOf(model, current))).catch(
      fail,
    );
  } else if (data.type === 'visible') {
    void setVisible(data.visible);
  } else {
    recovery.when(() => perform(data));
  }
}

/** The tab may be hidden before there is anything to play. */
async function setVisible(visible: boolean): Promise<void> {
  // An engine that cannot be had is told of where it was asked for.
  const at = await desk.catch(() => null);
  at?.player.setVisible(visible);
}

/** Answers whoever is at the other end of the wire: one engine on this thread. */
export function serve(wire: WireEnd, name: ThreadName): void {
  end = wire;
  thread = name;
  end.onmessage = receive;
  post({ type: 'awake', gpu: 'gpu' in navigator });
}
