import { GROUND, msOfEach, STAND_MS } from './animation';
import { opaque, type Raster } from './raster';

const isGrey = ({ data }: Raster) => {
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return false;
  }
  return true;
};

/** An animation of a run. Frames come one by one, so that the page stays awake meanwhile. */
export async function gifOf(
  count: number,
  frame: (index: number) => Promise<Raster>,
  onprogress: (done: number) => void,
): Promise<Blob> {
  const { GIFEncoder, quantize, applyPalette } = await import('gifenc');
  const gif = GIFEncoder();
  const greys = Array.from({ length: 256 }, (_, grey) => [grey, grey, grey]);
  const each = msOfEach(count);
  for (let index = 0; index < count; index++) {
    const picture = opaque(await frame(index), GROUND);
    const { data, width, height } = picture;
    const grey = isGrey(picture);
    const palette = grey ? greys : quantize(data, 256);
    const pixels = grey ? data.filter((_, at) => at % 4 === 0) : applyPalette(data, palette);
    const delay = index + 1 === count ? STAND_MS : each;
    gif.writeFrame(new Uint8Array(pixels), width, height, { palette, delay });
    onprogress(index + 1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  gif.finish();
  return new Blob([gif.bytes() as Uint8Array<ArrayBuffer>], { type: 'image/gif' });
}
