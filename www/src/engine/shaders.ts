import { traced } from './startup';
import type { Engine } from './types';

/** Pipelines that are made, of those that a network takes. */
export interface Shaders {
  made: number;
  total: number;
}

/** By the text of the network's config. */
const ready = new WeakMap<Engine, Map<string, Promise<void>>>();

/**
 * Has an engine's pipelines made for a network, one after the other: the page is drawn between them,
 * and its weights may still be on their way. What goes wrong is told when the network is loaded.
 */
export function makeShaders(
  engine: Engine,
  config: string,
  tell: (shaders: Shaders) => void,
): Promise<void> {
  const known = ready.get(engine) ?? new Map<string, Promise<void>>();
  ready.set(engine, known);
  const made = known.get(config) ?? traced('shaders', () => makeAll(engine, config, tell));
  const settled = made.catch(() => undefined);
  known.set(config, settled);
  return settled;
}

async function makeAll(engine: Engine, config: string, tell: (shaders: Shaders) => void) {
  const kernels = engine.kernels(config);
  for (const [made, kernel] of kernels.entries()) {
    tell({ made, total: kernels.length });
    await engine.make_ready(kernel);
  }
  tell({ made: kernels.length, total: kernels.length });
}
