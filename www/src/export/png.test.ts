import { expect, it } from 'vitest';
import { framesToShow } from './animation';
import { copyright, creditLine } from './credit';

import { linkIn, pngOf } from './png';

const picture = { width: 1, height: 1, data: new Uint8ClampedArray([1, 2, 3, 255]) };
const LINK = 'https://example.org/reverie/#reverse?model=digits&seed=7';

it('carries the link there and back, and spells what Latin-1 has not', async () => {
  const png = await pngOf(picture, LINK, 'By “Łukasz”, Zoë and 小林');
  expect(await linkIn(png)).toBe(LINK);
  const text = new TextDecoder('latin1').decode(await png.arrayBuffer());
  expect(text).toContain('By "?ukasz", Zoe and ??');
});

it('finds no link in what is no such picture', async () => {
  expect(await linkIn(new Blob(['not a PNG']))).toBeNull();
});

it('asks for credit where the licence does', () => {
  const model = { name: 'm', credits: 'By them.', artists: ['A', 'B'] };
  expect(creditLine({ ...model, licence: 'MIT' })).toBeNull();
  expect(creditLine({ ...model, licence: null })).toBeNull();
  expect(creditLine({ ...model, licence: 'CC-BY-SA 3.0' })).toMatch(/“m”, CC-BY-SA 3.0. By them.$/);
  expect(copyright({ ...model, licence: 'CC-BY-SA 3.0' })).toMatch(/By them. Artists: A, B.$/);
});

it('thins long runs, from the first frame to the last', () => {
  expect(framesToShow(3)).toEqual([0, 1, 2, 3]);
  const long = framesToShow(1000);
  expect([long.length, long[0], long.at(-1)]).toEqual([100, 0, 1000]);
});
