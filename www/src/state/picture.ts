import { unzlibSync, zlibSync } from 'fflate';

/**
 * A picture as the model sees it, at 8 bits: C·H·W values, 0 for −1 and 255 for 1. What a link
 * carries, and so what the page works with: here and elsewhere it is the same to the bit.
 */
export type Picture = Uint8Array;

/** Longer ones are left out of links. */
const LONGEST_PICTURE_TEXT = 64_000;

export const valuesOf = (picture: Picture) =>
  Float32Array.from(picture, (level) => level / 127.5 - 1);

export const pictureOf = (values: ArrayLike<number>): Picture =>
  Uint8Array.from(values, (value) => Math.round((Math.min(Math.max(value, -1), 1) + 1) * 127.5));

/** As it stands in a link, where it is not too long for one. */
export function pictureText(picture: Picture): string {
  const packed = zlibSync(picture, { level: 9 });
  const letters = Array.from(packed, (byte) => String.fromCharCode(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Whether a link has room for it. */
export const isShort = (text: string) => text.length <= LONGEST_PICTURE_TEXT;

/** `null` for one that is damaged, or not of so many values. */
export function parsePicture(text: string, values: number): Picture | null {
  try {
    const letters = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const picture = unzlibSync(packed);
    const sum = new DataView(packed.buffer).getUint32(packed.length - 4);
    return picture.length === values && adler32(picture) === sum ? picture : null;
  } catch {
    return null;
  }
}

/** The checksum at the end of zlib's format (RFC 1950), which fflate writes and does not check. */
function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}

/** Black for white, inside the border that the training images have. */
export function inverted(picture: Picture, width: number, height: number, pad: number): Picture {
  const inside = (index: number) => {
    const x = index % width;
    const y = Math.floor(index / width) % height;
    return x >= pad && x < width - pad && y >= pad && y < height - pad;
  };
  return picture.map((level, index) => (inside(index) ? 255 - level : level));
}
