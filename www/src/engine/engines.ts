import * as gpuModule from '@engine';
import {
  lackOf,
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
  /** By what a trial of the shaders is kept, where they are still to be tried. */
  untried: string | null;
}

/** What the page asked for, and what earlier visits measured, by `trialKey`. */
export interface Preference {
  wish: EngineWish;
  trials: Record<string, Trial>;
}

/** The one on the CPU is fetched by those only who need it. */
async function load(kind: EngineKind): Promise<EngineModule> {
  const module = kind === 'gpu' ? gpuModule : await import('@cpu-engine');
  await module.default();
  return module;
}

async function open(chosen: Chosen, untried: string | null = null): Promise<Found> {
  const module = await traced('engine', () => load(chosen.kind));
  const engine = await traced('device', () => module.Engine.create());
  return { module, engine, chosen, untried };
}

/**
 * Finds the engine for this browser: as is wished, or else the GPU's where there is one. On a software
 * adapter the CPU's is there sooner, and computes unless a trial has shown before that the shaders
 * are faster.
 */
export async function findEngine({ wish, trials }: Preference): Promise<Found> {
  const onCpu = { kind: 'cpu', wish, lack: null, trial: null } as const;
  if (wish === 'cpu') return open(onCpu);
  const adapter = await askAdapter();
  if ('lack' in adapter) return open({ ...onCpu, lack: adapter.lack });
  const { key, software } = adapter;
  const known = (wish === 'auto' && trials[key]) || null;
  if (wish === 'auto' && software && !known) return open(onCpu, key);
  if (known && isFaster(known)) return open({ ...onCpu, trial: known });
  try {
    return await open({ kind: 'gpu', wish, lack: null, trial: known });
  } catch (thrown) {
    const lack = lackOf(thrown);
    if (!lack) throw thrown;
    return open({ ...onCpu, lack });
  }
}

/** Whether the CPU's engine is. */
const isFaster = ({ cpu_ms, gpu_ms }: Trial) => cpu_ms < gpu_ms;

/** The engine of the shaders, for a trial. */
export async function openShaders(): Promise<Engine> {
  const module = await load('gpu');
  return module.Engine.create();
}

/**
 * Asks for the adapter before an engine is fetched for it. A trial's result holds for `key`: this
 * adapter and these builds of both engines.
 */
async function askAdapter(): Promise<{ key: string; software: boolean } | { lack: Problem }> {
  if (!('gpu' in navigator)) {
    return { lack: { name: 'NoWebGpu', message: 'It does not offer navigator.gpu to this page.' } };
  }
  const { gpu } = navigator as unknown as { gpu: Gpu };
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    return { lack: { name: 'NoAdapter', message: 'It answers that there is no adapter.' } };
  }
  const { vendor, architecture, description, isFallbackAdapter = false } = adapter.info;
  const builds = [
    new URL('../../pkg/reverie_bg.wasm', import.meta.url),
    new URL('../../pkg/cpu/cpu_bg.wasm', import.meta.url),
  ].map(({ pathname }) => pathname.slice(pathname.lastIndexOf('/') + 1));
  const key = [vendor, architecture, description, ...builds].join('|');
  return { key, software: isFallbackAdapter || (adapter.isFallbackAdapter ?? false) };
}

/** What TypeScript's library does not know yet of WebGPU. */
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{
    info: {
      vendor: string;
      architecture: string;
      description: string;
      /** It computes on the processor; where it says so differs from version to version. */
      isFallbackAdapter?: boolean;
    };
    isFallbackAdapter?: boolean;
  } | null>;
}
