import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';
import { Golden, relativeError } from './golden.mjs';
import { readSafetensors } from './safetensors.mjs';
import { UNet } from './tfjs-unet.mjs';

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response;
}

/** TensorFlow.js on its WebGPU backend, with every one of its settings as it comes. */
export class Tfjs {
  static async open() {
    if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js finds no WebGPU here');
    await tf.ready();
    return new Tfjs();
  }

  async load(net) {
    this.unet?.dispose();
    this.net = net;
    const config = await (await get(`/nets/${net}/unet/config.json`)).json();
    const weights = await get(`/nets/${net}/unet/diffusion_pytorch_model.safetensors`);
    this.unet = new UNet(config, readSafetensors(await weights.arrayBuffer()));
  }

  /** Milliseconds of the first pass at a batch, with what is made for it. */
  async first(batch) {
    tf.dispose(this.inputs);
    this.inputs = inputs((await Golden.fetch(this.net, batch)).tensors);
    return this.pass(batch, 1);
  }

  /**
   * Milliseconds of a pass, the mean of some: they run one after the other on one queue, so that
   * the last one's output is there when all of them are done.
   */
  async pass(_, times) {
    const start = performance.now();
    let output;
    for (let i = 0; i < times; i++) {
      output?.dispose();
      output = this.unet.predict(this.inputs);
    }
    this.output = await output.data();
    const ms = (performance.now() - start) / times;
    output.dispose();
    return ms;
  }

  /** The last output's largest difference from PyTorch's, relative to its largest magnitude. */
  async error(batch) {
    const golden = await Golden.fetch(this.net, batch);
    return relativeError(this.output, golden.tensors.output.data);
  }
}

/** Numbers of timesteps and classes stay numbers: what is looked up by them is made on the CPU. */
function inputs({ sample, timestep, class_labels: labels }) {
  return {
    sample: tf.tensor(sample.data, sample.shape),
    timesteps: Array.from(timestep.data, Number),
    classes: labels?.type === 'int64' ? Array.from(labels.data, Number) : undefined,
    embedded: labels?.type === 'float32' ? tf.tensor(labels.data, labels.shape) : undefined,
  };
}
