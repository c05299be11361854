import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { News, ToWorker } from '../engine/protocol';
import type { DeviceFacts, ModelFacts, Origin, RunFacts, Sampler } from '../engine/types';
import { OWN, type OwnModel } from './own-model';
import { Studio } from './studio.svelte';

type Message = Exclude<ToWorker, { type: 'boot' }>;
type Posted<T extends Message['type']> = Extract<Message, { type: T }>;

/** The engine's end of the wire: what it heard, and how it speaks. */
const engine = vi.hoisted(() => ({
  heard: [] as unknown[],
  say: (() => undefined) as (news: unknown) => void,
}));

vi.mock('../engine/client', () => ({
  EngineClient: class {
    constructor(_model: string, _preference: unknown, onNews: (news: unknown) => void) {
      engine.say = onNews;
    }
    post = (message: unknown) => engine.heard.push(message);
    ask = () => Promise.reject(new Error('nobody answers'));
  },
}));

vi.mock('./catalogue', () => ({
  MODELS: ['small', 'large'].map((name) => ({ name, sampling: {} })),
  weightsOf: () => null,
}));

const say = (news: News) => {
  engine.say(news);
};
const last = <T extends Message['type']>(type: T) =>
  (engine.heard as Message[]).findLast((message) => message.type === type) as Posted<T>;
const count = (type: Message['type']) =>
  (engine.heard as Message[]).filter((message) => message.type === type).length;

/** The browser's history, with Back and Forward. */
let entries: { hash: string; state: unknown }[];
let at: number;
const events: Record<string, () => void> = {};
const listen = (name: string, heard: () => void) => {
  events[name] = heard;
};
const page = {
  hidden: false,
  addEventListener: listen,
};

function go(to: number) {
  at = to;
  events.popstate?.();
}

beforeEach(() => {
  vi.useFakeTimers();
  engine.heard = [];
  page.hidden = false;
  [entries, at] = [[{ hash: '', state: null }], 0];
  const replaceState = (state: unknown, _: string, hash: string) => {
    entries[at] = { hash, state: structuredClone(state) };
  };
  vi.stubGlobal('history', {
    get state() {
      return entries[at]?.state;
    },
    replaceState,
    pushState: (state: unknown, title: string, hash: string) => {
      entries.length = ++at;
      replaceState(state, title, hash);
    },
  });
  vi.stubGlobal('location', {
    origin: 'https://here',
    pathname: '/',
    search: '',
    get hash() {
      return entries[at]?.hash;
    },
  });
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', listen);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('matchMedia', () => ({ matches: false }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const model: ModelFacts = {
  name: 'Model',
  parameters: 1,
  gflop: 1,
  channels: 1,
  height: 2,
  width: 2,
  class_names: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  null_label: 10,
  attributes: [],
  description: null,
  licence: null,
  credits: null,
  artists: [],
  num_train_timesteps: 1000,
  scheduler: { timestep_spacing: null, sigmas: 'native', threshold: 'none' },
  defaults: { sampler: 'ddim', steps: 50 },
  pad: 0,
};
const schedule = { alphas_cumprod: new Float32Array(1), terminal_snr: 0, largest_terminal_snr: 0 };

const ready = (name: string) => {
  say({ type: 'ready', name, model, schedule });
};

function facts(branch: number, origin: Origin | null, branches: number[]): RunFacts {
  const steps = Array.from({ length: 10 }, (_, step) => ({
    step,
    timestep: 0,
    alpha_bar: 0,
    sigma: 0,
    log_snr: 0,
  }));
  const computed = origin?.at ?? 0;
  const plan = { network_calls: 10, adaptive: false, guided: false, keeps_v: false };
  return {
    branch,
    origin,
    branches,
    computed,
    steps,
    ...plan,
    width: 2,
    height: 2,
    columns: 1,
    rows: 1,
  };
}

const leaving = (branch: number, frame: number): Origin => ({ branch, at: frame, spread: null });

function started(branch: number, origin: Origin | null, branches: number[], generation?: number) {
  const asked = [last('run'), last('fork'), last('select'), last('close')] as (
    { generation: number } | undefined
  )[];
  const latest = Math.max(...asked.map((message) => message?.generation ?? 0));
  say({ type: 'started', generation: generation ?? latest, run: facts(branch, origin, branches) });
  return generation ?? latest;
}

/** The player's word, which knows of all that it was asked. */
function frame(generation: number, frame: number, computed: number, motion: 'rest' | 'play') {
  const turns = [last('move'), last('step'), last('show')] as ({ turn: number } | undefined)[];
  const turn = Math.max(...turns.map((message) => message?.turn ?? 0));
  const position = { generation, turn, frame, computed, motion };
  say({ type: 'frame', ...position, network_calls: 0, ms_per_step: 1 });
}

/** A page with a run that has come to its end. */
function opened(hash: string): Studio {
  entries[0] = { hash, state: null };
  const studio = new Studio();
  studio.start();
  say({ type: 'samplers', samplers: [{ name: 'ddim' } as Sampler] });
  ready('small');
  frame(started(0, null, [0]), 10, 10, 'rest');
  vi.advanceTimersByTime(300);
  return studio;
}

/** Forks at a kept frame. */
function fork(studio: Studio, frame: number) {
  studio.playback.seek(frame);
  studio.branching.fork();
}

const own = (name: string): OwnModel => ({ name, bytes: 1, files: new Map() });
const RUN = '#reverse?model=small&sampler=ddim&steps=10&seed=3&batch=1&class=7';

describe('branches', () => {
  test('one that is changed while it is on its way leaves its own parent', () => {
    const studio = opened(RUN);
    fork(studio, 2);
    started(1, leaving(0, 2), [0, 1]);
    frame(last('fork').generation, 10, 10, 'rest');
    fork(studio, 5);
    const { generation } = last('fork');
    studio.setRecipe({ class_label: 3 });
    vi.advanceTimersByTime(1000);
    expect(count('fork'), 'it is not known yet which branch that is').toBe(2);
    started(2, leaving(1, 5), [0, 1, 2], generation);
    vi.advanceTimersByTime(1000);
    expect(last('fork')).toMatchObject({ branch: 1, replaces: 2, fork: { at: 5 } });
    expect(last('fork').fork.recipe.class_label).toBe(3);
  });

  test('a change while another one is gone to is a change of that one', () => {
    const studio = opened(RUN);
    fork(studio, 2);
    started(1, leaving(0, 2), [0, 1]);
    frame(last('fork').generation, 10, 10, 'rest');
    const [trunk, branch] = studio.tree.branches;
    if (!trunk || !branch) throw new Error('there are two');
    studio.branching.select(trunk);
    started(0, null, [0, 1]);
    studio.branching.select(branch);
    const { generation } = last('select');
    studio.setRecipe({ class_label: 3 });
    vi.advanceTimersByTime(1000);
    started(1, leaving(0, 2), [0, 1], generation);
    vi.advanceTimersByTime(1000);
    expect(last('fork')).toMatchObject({ branch: 0, replaces: 1, fork: { at: 2 } });
    expect(count('run')).toBe(1);
  });

  test('on the way to a link’s branch another recipe is another way to it', () => {
    const studio = opened(`${RUN}&fork=2;class=1&fork=5;class=2`);
    started(1, leaving(0, 2), [0, 1], last('run').generation);
    studio.setRecipe({ class_label: 3 });
    vi.advanceTimersByTime(1000);
    expect(count('fork')).toBe(0);
    expect(last('run').route.forks.map(({ at, recipe }) => [at, recipe.class_label])).toEqual([
      [2, 1],
      [5, 3],
    ]);
  });

  test('one that is refused leaves the page on the branch that there is', () => {
    const studio = opened(RUN);
    const { recipe } = studio.page;
    const trunk = { ...recipe };
    fork(studio, 2);
    const { generation } = last('fork');
    const problem = { name: 'RecipeInvalid', message: 'no frames are kept' };
    say({ type: 'refused', wish: 'run', generation, problem });
    started(0, null, [0]);
    expect([studio.page.forks, studio.page.recipe]).toEqual([[], trunk]);
    expect(studio.notes).toEqual(['no frames are kept']);
  });

  test('one that was closed for another that is refused is gone from the page', () => {
    const studio = opened(RUN);
    fork(studio, 2);
    started(1, leaving(0, 2), [0, 1]);
    frame(last('fork').generation, 10, 10, 'rest');
    studio.setRecipe({ class_label: 3 });
    vi.advanceTimersByTime(1000);
    const { generation } = last('fork');
    const problem = { name: 'RecipeInvalid', message: 'no' };
    say({ type: 'refused', wish: 'run', generation, problem });
    started(0, null, [0]);
    expect(studio.tree.current?.number).toBe(0);
    expect(studio.page.forks).toEqual([]);
    expect(studio.page.recipe.class_label).toBe(7);
  });
});

describe('models', () => {
  test('one that is refused gives back branch, start and settings', () => {
    const start = '&start=500:1:eNpjYGBgAAAABAAB';
    const studio = opened(`${RUN}&eta=0.5${start}&fork=2;class=3`);
    started(1, leaving(0, 2), [0, 1], last('run').generation);
    const before = JSON.stringify([studio.page.recipe, studio.page.start, studio.page.forks]);
    expect(studio.page.start).not.toBeNull();
    studio.setModel('large');
    studio.setModel('small');
    studio.openOwn(own('mine'));
    const problem = { name: 'ConfigInvalid', message: 'no' };
    say({ type: 'refused', wish: 'model', problem });
    expect(studio.page.model).toBe('small');
    expect(studio.own).toBeNull();
    expect(JSON.stringify([studio.page.recipe, studio.page.start, studio.page.forks])).toBe(before);
    expect(last('run').route.forks).toHaveLength(1);
  });

  test('one of one’s own stays open over Back', () => {
    const studio = opened(RUN);
    studio.openOwn(own('mine'));
    ready(OWN);
    started(0, null, [0]);
    vi.advanceTimersByTime(300);
    studio.visit('forward');
    go(0);
    expect(studio.page).toMatchObject({ model: OWN, station: 'reverse' });
    expect(count('model')).toBe(1);
    expect(studio.notes).toEqual([]);
  });

  test('one of one’s own is asked for again where it is not open', () => {
    const studio = opened(`#reverse?model=${encodeURIComponent(OWN)}&seed=5`);
    expect(studio.page).toMatchObject({ model: 'small', recipe: { seed: 5 } });
    expect(studio.notes).toEqual([expect.stringContaining('folders are not kept')]);
  });
});

describe('Back and Forward', () => {
  const playing = () => {
    const studio = opened(RUN);
    studio.setRecipe({ seed: 4 });
    vi.advanceTimersByTime(1000);
    frame(started(0, null, [0]), 3, 3, 'play');
    studio.visit('proof');
    return studio;
  };

  test('do not stop a run that they do not change', () => {
    const studio = playing();
    go(0);
    expect(studio.playback.playing).toBe(true);
    expect(count('show')).toBe(0);
    expect(last('move')).toMatchObject({ motion: 'play', stop_at: null });
  });

  test('go on to a frame that is not there yet', () => {
    playing();
    entries[0] = { hash: `${entries[0]?.hash}&frame=7`, state: null };
    go(0);
    expect(last('move')).toMatchObject({ motion: 'play', stop_at: 7 });
  });

  test('show the frame of a run that is there', () => {
    const studio = opened(RUN);
    studio.playback.seek(4);
    frame(last('run').generation, 4, 10, 'rest');
    studio.visit('proof');
    go(0);
    expect(last('show').frame).toBe(4);
    expect(count('run')).toBe(1);
  });
});

describe('a link', () => {
  const software = { software: true } as DeviceFacts;
  const device = () => {
    const chosen = { kind: 'gpu', wish: 'gpu', lack: null, trial: null } as const;
    say({ type: 'device', device: software, thread: 'worker', chosen });
  };

  test('leaves the same open on loading and in an open page', () => {
    entries[0] = { hash: '#reverse?class=3', state: null };
    const studio = new Studio();
    studio.start();
    device();
    expect(studio.page.recipe.batch).toBe(1);
    ready('small');
    started(0, null, [0]);
    entries.push({ hash: '#reverse?class=4', state: null });
    go(1);
    expect(studio.page.recipe).toMatchObject({ class_label: 4, batch: 1 });
    entries.push({ hash: '#reverse?class=4&batch=9', state: null });
    go(2);
    expect(studio.page.recipe.batch).toBe(9);
  });

  test('keeps what was chosen before the device was known', () => {
    entries[0] = { hash: '', state: null };
    const studio = new Studio();
    studio.start();
    studio.setRecipe({ batch: 9 });
    vi.advanceTimersByTime(1000);
    device();
    expect(studio.page.recipe.batch).toBe(9);
  });

  test('has all its wrong parts in one note', () => {
    const studio = opened('#dreams?steps=lots&class=77&sampler=magic&start=500:1:eNpjYA');
    expect(studio.notes).toHaveLength(1);
    for (const part of [
      'station “dreams”',
      'steps “lots”',
      'class 77',
      'sampler “magic”',
      'start',
    ]) {
      expect(studio.notes[0]).toContain(part);
    }
  });

  test('of a run that plays stops at the frame that is shown', () => {
    const studio = opened(RUN);
    studio.setRecipe({ seed: 4 });
    vi.advanceTimersByTime(1000);
    frame(started(0, null, [0]), 3, 4, 'play');
    expect(studio.link()).toMatch(/&frame=3$/);
    expect(studio.link(2)).toMatch(/&frame=2$/);
    expect(studio.link(10)).not.toContain('frame=');
  });
});

test('a tab that is hidden from the start is told of before anything else', () => {
  page.hidden = true;
  new Studio().start();
  expect(engine.heard).toEqual([{ type: 'visible', visible: false }]);
  page.hidden = false;
  events.visibilitychange?.();
  expect(last('visible').visible).toBe(true);
});
