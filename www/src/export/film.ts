import { GROUND, msOfEach, STAND_MS } from './animation';
import { opaque, type Raster } from './raster';

/** H.264 in MP4 plays everywhere, Safari and slides included; browsers without it write WebM. */
const CODECS = ['avc', 'vp9', 'vp8'] as const;
/** Noise cannot be packed: with less its pixels run into one another. */
const BITS_A_PIXEL = 24;

const INSTEAD = 'The GIF has the same frames.';

/** Why there can be no film here, if there cannot. */
export const noFilm = (): string | null =>
  typeof VideoEncoder === 'undefined' ? `This browser writes no films. ${INSTEAD}` : null;

/** Codecs take pictures of even sides. */
const even = (side: number) => side + (side % 2);

/** The picture with a line more below or beside it, where a side is odd. */
function evened({ width, height, data }: Raster): Raster {
  const raster = {
    width: even(width),
    height: even(height),
    data: new Uint8ClampedArray(4 * even(width) * even(height)),
  };
  for (let y = 0; y < height; y++) {
    raster.data.set(data.subarray(4 * y * width, 4 * (y + 1) * width), 4 * y * raster.width);
  }
  return raster;
}

/** Where pictures of a size are put one after the other, for as many ms as each is shown. */
interface Film {
  add: (picture: Raster, ms: number) => Promise<void>;
  finish: () => Promise<Blob>;
  cancel: () => Promise<void>;
}

async function beginFilm({ width, height }: Raster): Promise<Film> {
  const {
    BufferTarget,
    getFirstEncodableVideoCodec,
    Mp4OutputFormat,
    Output,
    Quality,
    VideoSample,
    VideoSampleSource,
    WebMOutputFormat,
  } = await import('mediabunny');
  const quality = new Quality({ bitrate: BITS_A_PIXEL * width * height });
  const codec = await getFirstEncodableVideoCodec([...CODECS], { width, height, quality });
  if (!codec) throw new Error(`no encoder takes ${width} × ${height} pixels`);
  const format = codec === 'avc' ? new Mp4OutputFormat() : new WebMOutputFormat();
  const target = new BufferTarget();
  const output = new Output({ format, target });
  const source = new VideoSampleSource({ codec, quality });
  output.addVideoTrack(source);
  await output.start();
  let seconds = 0;
  return {
    add: async ({ data }, ms) => {
      const duration = ms / 1000;
      const size = { codedWidth: width, codedHeight: height };
      const timing = { timestamp: seconds, duration };
      const sample = new VideoSample(data, { format: 'RGBA', ...size, ...timing });
      seconds += duration;
      try {
        await source.add(sample);
      } finally {
        sample.close();
      }
    },
    finish: async () => {
      await output.finalize();
      if (!target.buffer) throw new Error('nothing was written');
      return new Blob([target.buffer], { type: format.mimeType });
    },
    cancel: () => output.cancel(),
  };
}

/** An encoder's own words say why, but not what to do. */
async function written<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`This browser could not write the film (${why}). ${INSTEAD}`, { cause });
  }
}

/** A film of a run. Frames come one by one, so that the page stays awake meanwhile. */
export async function filmOf(
  count: number,
  frame: (index: number) => Promise<Raster>,
  onprogress: (done: number) => void,
): Promise<Blob> {
  const each = msOfEach(count);
  let film: Film | undefined;
  try {
    for (let index = 0; index < count; index++) {
      const picture = evened(opaque(await frame(index), GROUND));
      film ??= await written(beginFilm(picture));
      const isLast = index + 1 === count;
      await written(film.add(picture, isLast ? STAND_MS : each));
      // Players leave out a time after the last frame: it comes once more at its end.
      if (isLast) await written(film.add(picture, each));
      onprogress(index + 1);
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (!film) throw new Error('There is no run to save yet.');
    return await written(film.finish());
  } catch (thrown) {
    await film?.cancel().catch(() => undefined);
    throw thrown;
  }
}
