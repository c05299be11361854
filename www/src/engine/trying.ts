import { openShaders } from './engines';
import { configOf } from './files';
import type { Trial } from './protocol';
import { makeShaders } from './shaders';
import type { Bench } from './trial';
import type { Engine } from './types';

const PASSES = 3;

/** Some passes on either; nothing if it was disturbed. */
export async function tryShaders({ engine, model, work }: Bench): Promise<Trial | undefined> {
  const before = work();
  const disturbed = () => work() !== before;
  const shaders = await openShaders();
  try {
    const config = configOf(model.weights);
    if (config) await makeShaders(shaders, new TextDecoder().decode(config), () => undefined);
    if (disturbed()) return undefined;
    shaders.load(model.weights);
    const gpu_ms = await passMs(shaders);
    const cpu_ms = await passMs(engine);
    return disturbed() ? undefined : { model: model.name, gpu_ms, cpu_ms };
  } catch (thrown) {
    if (disturbed()) return undefined;
    throw thrown;
  } finally {
    shaders.free();
  }
}

/** The shortest of some: what else the machine does makes passes longer, never shorter. */
async function passMs(engine: Pick<Engine, 'stretch'>): Promise<number> {
  const ends = await engine.stretch(1, undefined, PASSES, 1);
  return Math.min(...ends.slice(1).map((end, pass) => end - (ends[pass] ?? NaN)));
}
