import * as tf from '@tensorflow/tfjs-core';
import { Layers, silu } from './tfjs-layers.mjs';

const BLOCKS = ['DownBlock2D', 'AttnDownBlock2D', 'UpBlock2D', 'AttnUpBlock2D'];

/** What is built here, of all that a config may ask for. */
const SUPPORTED = {
  act_fn: ['silu'],
  center_input_sample: [false],
  class_embed_type: [null, 'identity'],
  downsample_type: ['conv'],
  mid_block_scale_factor: [1],
  mid_block_type: ['UNetMidBlock2D'],
  resnet_time_scale_shift: ['default', 'scale_shift'],
  time_embedding_type: ['positional'],
  upsample_type: ['conv'],
};

/** diffusers' UNet2DModel. Layers are told from one another by the weights that there are. */
export class UNet {
  constructor(config, tensors) {
    check(config);
    this.config = config;
    this.layers = new Layers(tensors, config);
  }

  /** [N, C, H, W] to the same, which is the caller's to dispose of. */
  predict({ sample, timesteps, classes, embedded }) {
    return tf.tidy(() => {
      const time = this.time(timesteps, classes, embedded);
      const skips = [this.layers.conv(tf.transpose(sample, [0, 2, 3, 1]), 'conv_in')];
      const low = this.down(skips, time);
      const x = this.up(this.middle(low, time), skips, time);
      const output = this.layers.conv(silu(this.layers.norm(x, 'conv_norm_out')), 'conv_out');
      return tf.transpose(output, [0, 3, 1, 2]);
    });
  }

  /** [N, 4·C₀]: what every ResNet block projects for itself. */
  time(timesteps, classes, embedded) {
    const { layers, config } = this;
    const hidden = silu(layers.linear(sinusoids(timesteps, config), 'time_embedding.linear_1'));
    let time = layers.linear(hidden, 'time_embedding.linear_2');
    if (classes) time = tf.add(time, tf.gather(layers.weight('class_embedding'), classes));
    if (embedded) time = tf.add(time, embedded);
    return silu(time);
  }

  down(skips, time) {
    const { down_block_types: types, layers_per_block: layers } = this.config;
    let x = skips[0];
    for (let i = 0; i < types.length; i++) {
      for (let j = 0; j < layers; j++) skips.push((x = this.layer(x, `down_blocks.${i}`, j, time)));
      if (i < types.length - 1) skips.push((x = this.downsample(x, `down_blocks.${i}.downsamplers.0`)));
    }
    return x;
  }

  middle(x, time) {
    const first = this.layer(x, 'mid_block', 0, time);
    return this.resnet(first, 'mid_block.resnets.1', time);
  }

  up(x, skips, time) {
    const { up_block_types: types, layers_per_block: layers } = this.config;
    for (let i = 0; i < types.length; i++) {
      for (let j = 0; j <= layers; j++) {
        x = this.layer(tf.concat([x, skips.pop()], 3), `up_blocks.${i}`, j, time);
      }
      if (i < types.length - 1) x = this.upsample(x, `up_blocks.${i}.upsamplers.0`);
    }
    return x;
  }

  layer(x, block, j, time) {
    const y = this.resnet(x, `${block}.resnets.${j}`, time);
    const attention = `${block}.attentions.${j}`;
    return this.layers.has(`${attention}.to_q`) ? this.attention(y, attention) : y;
  }

  resnet(x, name, time) {
    const { layers } = this;
    return tf.tidy(() => {
      const projected = layers.linear(time, `${name}.time_emb_proj`);
      const [n, width] = projected.shape;
      const pixel = tf.reshape(projected, [n, 1, 1, width]);
      let y = layers.conv(silu(layers.norm(x, `${name}.norm1`)), `${name}.conv1`);
      if (this.config.resnet_time_scale_shift === 'scale_shift') {
        const [scale, shift] = tf.split(pixel, 2, 3);
        y = layers.norm(y, `${name}.norm2`, { scale, shift });
      } else {
        y = layers.norm(tf.add(y, pixel), `${name}.norm2`);
      }
      const shortcut = `${name}.conv_shortcut`;
      const same = layers.has(shortcut) ? layers.conv(x, shortcut, 1, 0) : x;
      return tf.add(layers.conv(silu(y), `${name}.conv2`), same);
    });
  }

  attention(x, name) {
    const { layers } = this;
    const [n, h, w, c] = x.shape;
    const width = this.config.attention_head_dim ?? c;
    return tf.tidy(() => {
      // The middle block of networks with `scale_shift` has no norm here.
      const normed = layers.has(`${name}.group_norm`) ? layers.norm(x, `${name}.group_norm`) : x;
      const tokens = tf.reshape(normed, [n * h * w, c]);
      const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((part) => {
        const heads = tf.reshape(layers.linear(tokens, `${name}.${part}`), [n, h * w, c / width, width]);
        return tf.transpose(heads, [0, 2, 1, 3]);
      });
      const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width));
      const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
      const out = layers.linear(tf.reshape(mixed, [n * h * w, c]), `${name}.to_out.0`);
      return tf.add(tf.reshape(out, x.shape), x);
    });
  }

  downsample(x, name) {
    // With no padding of its own, diffusers adds a row and a column at the far ends alone.
    const near = this.config.downsample_padding;
    const side = [near, Math.max(near, 1)];
    return this.layers.conv(x, `${name}.conv`, 2, [[0, 0], side, side, [0, 0]]);
  }

  upsample(x, name) {
    const [, h, w] = x.shape;
    return tf.tidy(() => {
      return this.layers.conv(tf.image.resizeNearestNeighbor(x, [2 * h, 2 * w]), `${name}.conv`);
    });
  }

  dispose() {
    this.layers.dispose();
  }
}

function check(config) {
  const asked = Object.entries(SUPPORTED).map(([key, known]) => [key, [config[key]], known]);
  for (const key of ['down_block_types', 'up_block_types']) asked.push([key, config[key], BLOCKS]);
  for (const [key, values, known] of asked) {
    const other = values.find((value) => !known.includes(value));
    if (other !== undefined) {
      throw new Error(`${key} is ${other}, but the benchmark's TensorFlow.js has ${known.join(' and ')}`);
    }
  }
}

/** Sines and cosines of timesteps [N, C₀], rounded to f32 where PyTorch rounds. */
function sinusoids(timesteps, { block_out_channels: [width], flip_sin_to_cos: flip, freq_shift: shift }) {
  const frequency = (_, i) => {
    const exponent = Math.fround(-Math.log(10_000)) * i;
    return Math.fround(Math.exp(Math.fround(Math.fround(exponent) / (width / 2 - shift))));
  };
  const frequencies = Array.from({ length: width / 2 }, frequency);
  const rows = timesteps.map((timestep) => {
    const angles = frequencies.map((frequency) => Math.fround(timestep * frequency));
    const [sines, cosines] = [angles.map(Math.sin), angles.map(Math.cos)];
    return flip ? [...cosines, ...sines] : [...sines, ...cosines];
  });
  return tf.tensor2d(rows);
}
