import * as tf from '@tensorflow/tfjs-core';

export const silu = (x) => tf.mul(x, tf.sigmoid(x));

/** Pixels are [N, H, W, C], the order that TensorFlow.js is at home in. */
export class Layers {
  constructor(tensors, { norm_num_groups: groups, norm_eps: epsilon }) {
    Object.assign(this, { groups, epsilon, weights: new Map() });
    for (const [name, tensor] of Object.entries(tensors)) this.weights.set(name, placed(name, tensor));
  }

  has(name) {
    return this.weights.has(`${name}.weight`);
  }

  weight(name) {
    return this.weights.get(`${name}.weight`);
  }

  bias(name) {
    return this.weights.get(`${name}.bias`);
  }

  /** `pad` as TensorFlow.js has it: a number, or rows and columns before and after. */
  conv(x, name, strides = 1, pad = 1) {
    return tf.fused.conv2d({ x, filter: this.weight(name), strides, pad, bias: this.bias(name) });
  }

  /** [N, I] to [N, O]. */
  linear(a, name) {
    return tf.fused.matMul({ a, b: this.weight(name), bias: this.bias(name) });
  }

  /**
   * Group norm, then x·(1 + scale) + shift where these are given, [N, 1, 1, C]: all of it as one
   * product and one sum for a pixel, and the rest for a channel.
   */
  norm(x, name, modulation) {
    const [n, h, w, c] = x.shape;
    const each = c / this.groups;
    const { mean, variance } = tf.moments(tf.reshape(x, [n, h * w, this.groups, each]), [1, 3], true);
    const inverse = tf.rsqrt(tf.add(variance, this.epsilon));
    let factor = tf.mul(inverse, tf.reshape(this.weight(name), [this.groups, each]));
    let offset = tf.sub(tf.reshape(this.bias(name), [this.groups, each]), tf.mul(mean, factor));
    [factor, offset] = [factor, offset].map((t) => tf.reshape(t, [n, 1, 1, c]));
    if (modulation) {
      const scale = tf.add(modulation.scale, 1);
      offset = tf.add(tf.mul(offset, scale), modulation.shift);
      factor = tf.mul(factor, scale);
    }
    return tf.add(tf.mul(x, factor), offset);
  }

  dispose() {
    for (const tensor of this.weights.values()) tensor.dispose();
  }
}

/** PyTorch's convolutions are [O, I, H, W] and its matrices [O, I]; TensorFlow.js' end in I, O. */
function placed(name, { data, shape }) {
  return tf.tidy(() => {
    const tensor = tf.tensor(Float32Array.from(data), shape);
    if (shape.length === 4) return tf.transpose(tensor, [2, 3, 1, 0]);
    return shape.length === 2 && !name.startsWith('class_embedding') ? tf.transpose(tensor) : tensor;
  });
}
