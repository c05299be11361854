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

/** What the model sees of the pad's ink; `null` for a drawing of nothing. */
export function resample(ink: Uint8ClampedArray, target: DrawingTarget): Float32Array | null {
  const drawn = ink.some((value, index) => index % 4 === 3 && value > 0);
  return drawn ? shrink(ink, target) : null;
}

/**
 * Shrinks RGBA of the pad's size (as `getImageData` gives it; alpha is how much ink there is) to
 * what the model sees: the mean of each PAD_SCALE² block over black, like the antialiased strokes of
 * MNIST, inside the background border that the training images have. One channel has the luminance
 * (Rec. 709). NCHW in [-1, 1].
 */
export function shrink(ink: Uint8ClampedArray, target: DrawingTarget): Float32Array {
  const { channels, width, height, pad } = target;
  const padWidth = (width - 2 * pad) * PAD_SCALE;
  const area = width * height;
  const values = new Float32Array(channels * area).fill(-1);
  const full = 255 * 255 * PAD_SCALE * PAD_SCALE;
  for (let y = pad; y < height - pad; y++) {
    for (let x = pad; x < width - pad; x++) {
      let [red, green, blue] = [0, 0, 0];
      for (let row = (y - pad) * PAD_SCALE; row < (y - pad + 1) * PAD_SCALE; row++) {
        const start = row * padWidth + (x - pad) * PAD_SCALE;
        for (let i = 4 * start; i < 4 * (start + PAD_SCALE); i += 4) {
          const alpha = ink[i + 3] ?? 0;
          red += alpha * (ink[i] ?? 0);
          green += alpha * (ink[i + 1] ?? 0);
          blue += alpha * (ink[i + 2] ?? 0);
        }
      }
      const grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      const shown = channels === 1 ? [grey] : [red, green, blue];
      for (let channel = 0; channel < channels; channel++)
        values[channel * area + y * width + x] = (2 * (shown[channel % 3] ?? 0)) / full - 1;
    }
  }
  return values;
}
