import init, { Engine } from '@engine';
import models from 'virtual:models';
import { Player } from './player';
import { problemOf, type FromWorker, type Question, type ToWorker } from './protocol';
import type { Surface } from './types';
import { fetchGolden, fetchModel, purgeCache, type ModelFile } from './weights';

interface Desk {
  engine: Engine;
  player: Player;
  files: ModelFile[];
  folder: URL;
}

let desk: Desk | undefined;

function post(message: FromWorker): void {
  self.postMessage(message);
}

function fail(thrown: unknown): void {
  post({ type: 'failed', problem: problemOf(thrown) });
}

async function boot({ model, base, surfaces }: Extract<ToWorker, { type: 'boot' }>) {
  const files = models[model];
  if (!files) throw new Error(`This page was built without the model “${model}”.`);
  const folder = new URL(`models/${model}/`, base);
  const fetchWeights = () =>
    fetchModel(files, folder, (download) => {
      post({ type: 'download', download });
    });
  const creating = init().then(() => Engine.create());
  // Nobody's data plan pays for weights that cannot run.
  const fetching = 'gpu' in navigator ? fetchWeights() : creating.then(fetchWeights);
  const [engine, weights] = await Promise.all([creating, fetching]);
  post({ type: 'device', device: engine.device() });
  const facts = await engine.load(weights);
  for (const [surface, canvas] of Object.entries(surfaces)) {
    engine.attach(surface as Surface, canvas);
  }
  const player = new Player(
    engine,
    (position) => {
      post({ type: 'frame', ...position });
    },
    fail,
  );
  desk = { engine, player, files, folder };
  post({ type: 'ready', model: facts, alphas_cumprod: engine.schedule().alphas_cumprod });
  void purgeCache(Object.values(models).flat()).catch(() => undefined);
}

async function answer({ engine, files, folder }: Desk, question: Question) {
  switch (question.ask) {
    case 'pixels':
      return engine.frame_pixels(question.surface, question.frame);
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

function handle(message: Exclude<ToWorker, { type: 'boot' }>, at: Desk): void {
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

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'boot') {
    boot(data).catch(fail);
  } else if (desk) {
    try {
      handle(data, desk);
    } catch (thrown) {
      fail(thrown);
    }
  }
};
