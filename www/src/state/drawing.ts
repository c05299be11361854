/** What a drawing, or a picture from outside, becomes: a sample of the model, border and all. */
export interface DrawingTarget {
  channels: number;
  width: number;
  height: number;
  pad: number;
}

const FINEST = 10;
/** iOS has no canvas of more than 16 million pixels, and a pad needs no quarter of them. */
const LONGEST_PAD = 2048;

/** So many pixels across has the pad for one of the model. */
export function padScale({ width, height }: Pick<DrawingTarget, 'width' | 'height'>): number {
  const most = Math.floor(LONGEST_PAD / Math.max(width, height));
  return Math.min(Math.max(most, 1), FINEST);
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
 * what the model sees: the mean of each pixel's block over black, like the antialiased strokes of
 * MNIST, inside the background border that the training images have. One channel has the luminance
 * (Rec. 709). NCHW in [-1, 1].
 */
export function shrink(ink: Uint8ClampedArray, target: DrawingTarget): Float32Array {
  const { channels, width, height, pad } = target;
  const scale = padScale(target);
  const padWidth = (width - 2 * pad) * scale;
  const area = width * height;
  const values = new Float32Array(channels * area).fill(-1);
  const full = 255 * 255 * scale * scale;
  for (let y = pad; y < height - pad; y++) {
    for (let x = pad; x < width - pad; x++) {
      let [red, green, blue] = [0, 0, 0];
      for (let row = (y - pad) * scale; row < (y - pad + 1) * scale; row++) {
        const start = row * padWidth + (x - pad) * scale;
        for (let i = 4 * start; i < 4 * (start + scale); i += 4) {
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
