import { padScale, shrink, type DrawingTarget } from './drawing';
import { pictureOf, type Picture } from './picture';

const MOST_BYTES = 20e6;
const LONGEST_SIDE = 8192;
/** Of what is kept of a picture, for a model of another size. */
const KEPT_SIDE = 1024;
/** A picture whose edge is brighter than this is dark ink on a bright ground. */
const BRIGHT = 0.5;

/** A picture from outside, no larger than is of use. */
export type Original = OffscreenCanvas;

type Source = Exclude<CanvasImageSource, SVGImageElement | VideoFrame | HTMLVideoElement>;

/** Reads a picture file; throws a sentence that says what is wrong with it. */
export async function openFile(file: File): Promise<Original> {
  if (file.size > MOST_BYTES) {
    const size = (file.size / 1e6).toFixed(0);
    throw new Error(`“${file.name}” has ${size} MB; choose a picture of at most 20 MB.`);
  }
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    image.src = url;
    await loaded(image, file.name);
    const { naturalWidth: width, naturalHeight: height } = image;
    if (Math.max(width, height) > LONGEST_SIDE) {
      const size = `${width} × ${height}`;
      throw new Error(`“${file.name}” has ${size} pixels; choose one of at most 8192 a side.`);
    }
    return kept(image, width, height);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Waits for the size only: a picture that is too large is never unpacked. */
function loaded(image: HTMLImageElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    image.onload = () => {
      if (image.naturalWidth > 0) resolve();
      else reject(new Error(`“${name}” does not say how large it is.`));
    };
    image.onerror = () => {
      reject(new Error(`“${name}” is not a picture that this browser can read.`));
    };
  });
}

/** On white, where it lets something through: that is how people see it on a page. */
export function kept(source: Source | HTMLVideoElement, width: number, height: number): Original {
  const scale = Math.min(1, KEPT_SIDE / Math.max(width, height));
  const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const [across = 1, down = 1] = size;
  const { canvas, context } = blank(across, down);
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, across, down);
  context.drawImage(source, 0, 0, across, down);
  return canvas;
}

/** What the model sees of the middle of a picture: as large a part as has the model's shape. */
export function seen(original: Original, target: DrawingTarget): Picture {
  const fine = padScale(target);
  const across = (target.width - 2 * target.pad) * fine;
  const down = (target.height - 2 * target.pad) * fine;
  const scale = Math.max(across / original.width, down / original.height);
  const { context } = blank(across, down);
  // Pixels that are made larger stay pixels: a picture of the model's own size comes through whole.
  context.imageSmoothingEnabled = scale < 1;
  context.imageSmoothingQuality = 'high';
  const [width, height] = [original.width * scale, original.height * scale];
  context.drawImage(original, (across - width) / 2, (down - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, across, down);
  return pictureOf(shrink(data, target));
}

/** Whether the edge inside the border is bright: models of one channel know white on black. */
export function hasBrightEdge(picture: Picture, target: DrawingTarget): boolean {
  const { width, height, pad } = target;
  let [sum, count] = [0, 0];
  for (let y = pad; y < height - pad; y++) {
    for (let x = pad; x < width - pad; x++) {
      const edge = x === pad || y === pad || x === width - pad - 1 || y === height - pad - 1;
      if (!edge) continue;
      sum += picture[y * width + x] ?? 0;
      count += 255;
    }
  }
  return sum > BRIGHT * count;
}

function blank(width: number, height: number) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('This browser has no canvas to put the picture on.');
  context.imageSmoothingQuality = 'high';
  return { canvas, context };
}
