import type { Raster } from './raster';

/** Where a picture of this page says what made it. */
const RECIPE = 'Reverie';

/** Text chunks are Latin-1: what is not has to be spelt. */
function latin1(text: string): string {
  const spelt = text
    .replaceAll(/[“”]/g, '"')
    .replaceAll('’', "'")
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '');
  // eslint-disable-next-line no-control-regex -- the range of Latin-1
  return spelt.replaceAll(/[^\u0000-\u00ff]/g, '?');
}

/** A PNG that carries the link to its run, and whose it is. */
export async function pngOf(picture: Raster, link: string, copyright: string): Promise<Blob> {
  const { encode } = await import('fast-png');
  const text = {
    [RECIPE]: link,
    Software: 'Reverie',
    ...(copyright ? { Copyright: latin1(copyright) } : {}),
  };
  const bytes = encode({ ...picture, channels: 4, depth: 8, text });
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'image/png' });
}

/** The link that a PNG carries; null where it has none. */
export async function linkIn(file: Blob): Promise<string | null> {
  const { decode } = await import('fast-png');
  try {
    return decode(await file.arrayBuffer()).text[RECIPE] ?? null;
  } catch {
    return null;
  }
}
