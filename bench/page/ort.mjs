import { Golden, relativeError } from './golden.mjs';

/** onnxruntime-web with one execution provider. */
export class Ort {
  static async open(provider, threads) {
    const ort = await import(provider === 'wasm' ? '/ort/ort.wasm.min.mjs' : '/ort/ort.webgpu.min.mjs');
    ort.env.wasm.wasmPaths = '/ort/';
    ort.env.wasm.numThreads = threads;
    if (threads > 1 && !crossOriginIsolated) throw new Error('no threads without isolation');
    return new Ort(ort, provider);
  }

  constructor(ort, provider) {
    Object.assign(this, { ort, provider, session: null, net: null });
  }

  async load(net) {
    await this.session?.release();
    this.net = net;
    this.session = await this.ort.InferenceSession.create(`/nets/${net}/model.onnx`, {
      executionProviders: [this.provider],
    });
  }

  async feeds(batch) {
    const golden = await Golden.fetch(this.net, batch);
    const tensor = ({ type, data, shape }) => new this.ort.Tensor(type, data, shape);
    const names = this.session.inputNames;
    return Object.fromEntries(names.map((name) => [name, tensor(golden.tensors[name])]));
  }

  /** Milliseconds of the first pass at a batch, with what is made for it. */
  async first(batch) {
    this.inputs = await this.feeds(batch);
    return this.pass(batch, 1);
  }

  /** Milliseconds of a pass, the mean of some. */
  async pass(_, times) {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const { output } = await this.session.run(this.inputs);
      this.output = await output.getData();
    }
    return (performance.now() - start) / times;
  }

  /** The last output's largest difference from PyTorch's, relative to its largest magnitude. */
  async error(batch) {
    const golden = await Golden.fetch(this.net, batch);
    return relativeError(this.output, golden.tensors.output.data);
  }
}
