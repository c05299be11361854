import { Golden } from './golden.mjs';
import { loopRoof, plainConvolution } from './yardsticks.mjs';

const FILES = [
  'model_index.json',
  'unet/config.json',
  'unet/diffusion_pytorch_model.safetensors',
  'scheduler/scheduler_config.json',
  'reverie.json',
  'attributes.json',
  'attributes.safetensors',
];

/** More than a second of them on a processor: some browsers tell of ends ten times a second only. */
const ROOF_SUBMISSIONS = 40;

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The engine as the page has it, on this thread. */
export class Reverie {
  static async open(path) {
    const { default: initialise, Engine } = await import(path);
    await initialise();
    return new Reverie(await Engine.create());
  }

  constructor(engine) {
    Object.assign(this, { engine, net: null });
  }

  async load(net) {
    this.net = net;
    const files = new Map();
    for (const file of FILES) {
      const response = await fetch(`/nets/${net}/${file}`);
      if (response.ok) files.set(file, new Uint8Array(await response.arrayBuffer()));
    }
    this.engine.load(files);
  }

  async first(batch) {
    const start = performance.now();
    await this.error(batch);
    return performance.now() - start;
  }

  /**
   * Milliseconds of a pass: what so many of them take beyond what none takes, from asking to the
   * answer, since a browser may tell of the end of one submission as late as of that of the next.
   */
  async pass(batch, times) {
    const none = await timed(() => this.engine.stretch(batch, undefined, 0, 0));
    const all = await timed(() => this.engine.stretch(batch, undefined, 1, times));
    return (all - none) / times;
  }

  async error(batch) {
    const golden = await Golden.fetch(this.net, batch);
    return (await this.engine.self_test(golden.bytes)).relative;
  }

  /** GFLOP/s of multiply-adds in registers: what this device could do at the most. */
  async roof() {
    const none = await timed(() => this.engine.roof(0));
    const all = await timed(() => this.engine.roof(ROOF_SUBMISSIONS));
    return (ROOF_SUBMISSIONS * this.engine.roof_flops()) / (all - none) / 1e6;
  }

  /** GFLOP/s of a loop that nobody has unrolled. */
  loopRoof() {
    return loopRoof(ROOF_SUBMISSIONS);
  }

  /** That of a plain convolution, which does a quarter of the loop's work. */
  plainConvolution() {
    return plainConvolution(10 * ROOF_SUBMISSIONS);
  }

  /** Milliseconds of this thread's time that it takes to encode and submit a pass. */
  encode(batch, times) {
    return this.engine.encode(batch, times);
  }

  memory() {
    return this.engine.memory();
  }
}
