/** RGBA, row by row. */
export interface Raster {
  width: number;
  height: number;
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** How a batch lies on a picture: as many columns and rows as the engine says, and gaps between. */
export interface Layout {
  channels: number;
  /** Of one sample. */
  width: number;
  height: number;
  columns: number;
  rows: number;
}

/** Pixels between samples, as on the page; what is behind shows there. */
const GAP = 1;
/** Smaller pictures than this many pixels are of little use outside the page. */
const WANTED = 512;

const blank = (width: number, height: number): Raster => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height),
});

/** A batch [N, C, H, W] in [-1, 1] as it is on the screen. */
export function gridOf(values: Float32Array, layout: Layout): Raster {
  const { channels, width, height, columns, rows } = layout;
  const area = width * height;
  const raster = blank(columns * (width + GAP) - GAP, rows * (height + GAP) - GAP);
  for (let sample = 0; sample * channels * area < values.length; sample++) {
    const left = (sample % columns) * (width + GAP);
    const top = Math.floor(sample / columns) * (height + GAP);
    for (let pixel = 0; pixel < area; pixel++) {
      const x = left + (pixel % width);
      const y = top + Math.floor(pixel / width);
      const at = 4 * (y * raster.width + x);
      for (let colour = 0; colour < 3; colour++) {
        const channel = Math.min(colour, channels - 1);
        const value = values[(sample * channels + channel) * area + pixel] ?? 0;
        raster.data[at + colour] = Math.round((value + 1) * 127.5);
      }
      raster.data[at + 3] = 255;
    }
  }
  return raster;
}

/** One sample of a batch, and how it lies on a picture of its own. */
export function single(values: Float32Array, layout: Layout, sample: number) {
  const size = layout.channels * layout.width * layout.height;
  const own = values.subarray(sample * size, (sample + 1) * size);
  return { values: own, layout: { ...layout, columns: 1, rows: 1 } };
}

/** By a whole factor, so that every pixel stays one. */
export function enlarged({ width, height, data }: Raster, wanted = WANTED): Raster {
  const factor = Math.max(1, Math.ceil(wanted / Math.max(width, height)));
  const raster = blank(width * factor, height * factor);
  const from = new Uint32Array(data.buffer);
  const to = new Uint32Array(raster.data.buffer);
  for (let y = 0; y < raster.height; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < raster.width; x++) {
      to[y * raster.width + x] = from[row + Math.floor(x / factor)] ?? 0;
    }
  }
  return raster;
}

/** One below the other. */
export function stacked(upper: Raster, lower: Raster): Raster {
  const raster = blank(Math.max(upper.width, lower.width), upper.height + lower.height);
  for (const [part, top] of [
    [upper, 0],
    [lower, upper.height],
  ] as const) {
    for (let y = 0; y < part.height; y++) {
      const row = part.data.subarray(4 * y * part.width, 4 * (y + 1) * part.width);
      raster.data.set(row, 4 * (top + y) * raster.width);
    }
  }
  return raster;
}

/** On a colour, for formats that let nothing through. */
export function opaque(raster: Raster, [red, green, blue]: readonly [number, number, number]) {
  const data = raster.data.slice();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 0) data.set([red, green, blue, 255], at);
  }
  return { ...raster, data };
}
