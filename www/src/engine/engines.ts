import * as gpuModule from '@engine';
import {
  problemOf,
  type Chosen,
  type EngineKind,
  type EngineWish,
  type Problem,
  type Trial,
} from './protocol';
import { traced } from './startup';
import type { Engine } from './types';

export type EngineModule = typeof gpuModule;

/** An engine, the module that made it, and why it is this one. */
export interface Found {
  module: EngineModule;
  engine: Engine;
  chosen: Chosen;
}

/** What the page asked for, and what earlier visits measured, by `trialKey`. */
export interface Preference {
  wish: EngineWish;
  trials: Record<string, Trial>;
}

/** What a browser or its adapter may be short of, so that the CPU is left. */
const LACKS = ['NoWebGpu', 'NoAdapter', 'NoDevice'];

/** The one on the CPU is fetched by those only who need it. */
async function load(kind: EngineKind): Promise<EngineModule> {
  const module = kind === 'gpu' ? gpuModule : await import('@cpu-engine');
  await module.default();
  return module;
}

async function open(chosen: Chosen): Promise<Found> {
  const module = await traced('engine', () => load(chosen.kind));
  const engine = await traced('device', () => module.Engine.create());
  return { module, engine, chosen };
}

/** The model that comes first, for an engine that is being found; `undefined` if it cannot be had. */
export interface FirstModel {
  weights: Promise<Map<string, Uint8Array> | undefined>;
  /** Has an engine make the shaders of its network. */
  makeShaders: (engine: Engine) => Promise<void>;
}

/**
 * Finds the engine for this browser: as is wished, or else the GPU's where there is one. Of a
 * software adapter it is found out by a trial on the model's weights whether the CPU is faster,
 * once: `learn` hears of it. Where they cannot be had there is no trial.
 */
export async function findEngine(
  { wish, trials }: Preference,
  { weights, makeShaders }: FirstModel,
  learn: (key: string, trial: Trial) => void,
): Promise<Found> {
  const onCpu = { kind: 'cpu', wish, lack: null, trial: null } as const;
  if (wish === 'cpu') return open(onCpu);
  const adapter = await askAdapter();
  if ('lack' in adapter) return open({ ...onCpu, lack: adapter.lack });
  const { key } = adapter;
  const known = wish === 'auto' ? (trials[key] ?? null) : null;
  if (known && isFaster(known)) return open({ ...onCpu, trial: known });
  let found: Found;
  try {
    found = await open({ kind: 'gpu', wish, lack: null, trial: known });
  } catch (thrown) {
    const lack = problemOf(thrown);
    if (!LACKS.includes(lack.name)) throw thrown;
    return open({ ...onCpu, lack });
  }
  if (wish !== 'auto' || known || !found.engine.device().software) return found;
  const [files] = await Promise.all([weights, makeShaders(found.engine)]);
  if (!files) return found;
  return traced('trial', () => tryBoth(found, files, (trial) => learn(key, trial)));
}

const isFaster = ({ cpu_ms, gpu_ms }: Trial) => cpu_ms < gpu_ms;

/** Two passes on either. What cannot be tried is not faster. */
async function tryBoth(
  onGpu: Found,
  weights: Map<string, Uint8Array>,
  learn: (trial: Trial) => void,
): Promise<Found> {
  let onCpu: Found | undefined;
  try {
    const gpu_ms = await passMs(onGpu.engine, weights);
    onCpu = await open({ ...onGpu.chosen, kind: 'cpu' });
    const trial = { gpu_ms, cpu_ms: await passMs(onCpu.engine, weights) };
    learn(trial);
    const [better, worse] = isFaster(trial) ? [onCpu, onGpu] : [onGpu, onCpu];
    worse.engine.free();
    return { ...better, chosen: { ...better.chosen, trial } };
  } catch {
    onCpu?.engine.free();
    return onGpu;
  }
}

async function passMs(engine: Engine, weights: Map<string, Uint8Array>): Promise<number> {
  engine.load(weights);
  const [start, , end] = await engine.stretch(1, undefined, 2, 1);
  return ((end ?? NaN) - (start ?? NaN)) / 2;
}

/**
 * Asks for the adapter before an engine is fetched for it. A trial's result holds for `key`: this
 * adapter and these builds of both engines.
 */
async function askAdapter(): Promise<{ key: string } | { lack: Problem }> {
  if (!('gpu' in navigator)) {
    return { lack: { name: 'NoWebGpu', message: 'It does not offer navigator.gpu to this page.' } };
  }
  const { gpu } = navigator as unknown as { gpu: Gpu };
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    return { lack: { name: 'NoAdapter', message: 'It answers that there is no adapter.' } };
  }
  const { vendor, architecture, description } = adapter.info;
  const builds = [
    new URL('../../pkg/reverie_bg.wasm', import.meta.url),
    new URL('../../pkg/cpu/cpu_bg.wasm', import.meta.url),
  ].map(({ pathname }) => pathname.slice(pathname.lastIndexOf('/') + 1));
  return { key: [vendor, architecture, description, ...builds].join('|') };
}

/** What TypeScript's library does not know yet of WebGPU. */
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{
    info: { vendor: string; architecture: string; description: string };
  } | null>;
}
