/** The drawing pad has this many pixels for each pixel of the model. */
export const PAD_SCALE = 10;

export interface DrawingTarget {
  channels: number;
  width: number;
  height: number;
  pad: number;
}

/**
 * Shrinks the pad's ink (RGBA, as `getImageData` gives it; alpha is the ink) to what the model
 * sees: the mean of each PAD_SCALE² block, like the antialiased strokes of MNIST, inside the
 * background border that the training images have. NCHW in [-1, 1]. `null` for a drawing of nothing.
 */
export function resample(ink: Uint8ClampedArray, target: DrawingTarget): Float32Array | null {
  const { channels, width, height, pad } = target;
  const padWidth = (width - 2 * pad) * PAD_SCALE;
  const plane = new Float32Array(width * height).fill(-1);
  let total = 0;
  for (let y = pad; y < height - pad; y++) {
    for (let x = pad; x < width - pad; x++) {
      let sum = 0;
      for (let row = (y - pad) * PAD_SCALE; row < (y - pad + 1) * PAD_SCALE; row++) {
        const start = row * padWidth + (x - pad) * PAD_SCALE;
        for (let i = start; i < start + PAD_SCALE; i++) sum += ink[4 * i + 3] ?? 0;
      }
      total += sum;
      plane[y * width + x] = (2 * sum) / (255 * PAD_SCALE * PAD_SCALE) - 1;
    }
  }
  if (total === 0) return null;
  const values = new Float32Array(channels * plane.length);
  for (let channel = 0; channel < channels; channel++) values.set(plane, channel * plane.length);
  return values;
}
