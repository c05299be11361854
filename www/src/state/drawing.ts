/** The drawing pad has this many pixels for each pixel of the model. */
export const PAD_SCALE = 10;

export interface DrawingTarget {
  channels: number;
  width: number;
  height: number;
  pad: number;
}

export interface Ink {
  name: string;
  colour: string;
}

const WHITE: Ink = { name: 'White', colour: '#ffffff' };

/** What there is to draw with on black: white, and for models of colour pictures some colours. */
export const inksFor = (channels: number): readonly Ink[] => (channels === 1 ? [WHITE] : COLOURS);

const COLOURS: readonly Ink[] = [
  WHITE,
  { name: 'Sand', colour: '#f0c8a0' },
  { name: 'Brown', colour: '#8a5a3c' },
  { name: 'Black', colour: '#000000' },
  { name: 'Red', colour: '#d8433b' },
  { name: 'Yellow', colour: '#f0c63c' },
  { name: 'Green', colour: '#3f9150' },
  { name: 'Blue', colour: '#3c70d0' },
];

/**
 * Shrinks the pad's ink (RGBA, as `getImageData` gives it; alpha is how much ink there is) to what
 * the model sees: the mean of each PAD_SCALE² block over black, like the antialiased strokes of
 * MNIST, inside the background border that the training images have. NCHW in [-1, 1]. `null` for a
 * drawing of nothing.
 */
export function resample(ink: Uint8ClampedArray, target: DrawingTarget): Float32Array | null {
  const { channels, width, height, pad } = target;
  const padWidth = (width - 2 * pad) * PAD_SCALE;
  const area = width * height;
  const values = new Float32Array(channels * area).fill(-1);
  const full = 255 * 255 * PAD_SCALE * PAD_SCALE;
  let drawn = false;
  for (let y = pad; y < height - pad; y++) {
    for (let x = pad; x < width - pad; x++) {
      const sums = [0, 0, 0];
      for (let row = (y - pad) * PAD_SCALE; row < (y - pad + 1) * PAD_SCALE; row++) {
        const start = row * padWidth + (x - pad) * PAD_SCALE;
        for (let i = 4 * start; i < 4 * (start + PAD_SCALE); i += 4) {
          const alpha = ink[i + 3] ?? 0;
          drawn ||= alpha > 0;
          for (let channel = 0; channel < 3; channel++)
            sums[channel] = (sums[channel] ?? 0) + alpha * (ink[i + channel] ?? 0);
        }
      }
      for (let channel = 0; channel < channels; channel++)
        values[channel * area + y * width + x] = (2 * (sums[channel % 3] ?? 0)) / full - 1;
    }
  }
  return drawn ? values : null;
}
