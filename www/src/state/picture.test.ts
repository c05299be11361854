import { describe, expect, it } from 'vitest';
import { inverted, isShort, parsePicture, pictureOf, pictureText, valuesOf } from './picture';

/** Bytes that nothing can pack (Park and Miller's generator). */
function noisy(length: number) {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) >> 8);
}

describe('a picture', () => {
  it('is the same after a way through values and through a link', () => {
    const picture = noisy(3072);
    expect(pictureOf(valuesOf(picture))).toEqual(picture);
    const text = pictureText(picture);
    expect(text).toMatch(/^[\w-]+$/);
    expect(parsePicture(text, 3072)).toEqual(picture);
  });

  it('has every value from −1 to 1, and nothing beyond', () => {
    expect([...pictureOf([-1, 0, 1, -9, 9])]).toEqual([0, 128, 255, 0, 255]);
    expect([...valuesOf(Uint8Array.of(0, 255))]).toEqual([-1, 1]);
  });

  it('of one tone is short', () => {
    expect(pictureText(new Uint8Array(1024)).length).toBeLessThan(40);
  });

  it('is refused when anything is wrong with it', () => {
    const picture = noisy(1024);
    const text = pictureText(picture);
    expect(parsePicture(text, 3072)).toBeNull();
    expect(parsePicture(text.slice(0, -9), 1024)).toBeNull();
    expect(parsePicture('', 1024)).toBeNull();
    expect(parsePicture('%%%', 1024)).toBeNull();
    // The first ten letters are headers, of which some bits mean nothing.
    for (let at = 10; at < text.length; at += 7) {
      const letter = text[at] === 'A' ? 'B' : 'A';
      const damaged = text.slice(0, at) + letter + text.slice(at + 1);
      expect(parsePicture(damaged, 1024), `letter ${at}`).toBeNull();
    }
  });

  it('is left out of links when it is too large', () => {
    expect(isShort(pictureText(noisy(64_000)))).toBe(false);
    expect(isShort(pictureText(noisy(3072)))).toBe(true);
  });

  it('is inverted inside its border, channel by channel, and back', () => {
    const picture = noisy(3 * 6 * 5);
    const once = inverted(picture, 6, 5, 1);
    expect(once[0]).toBe(picture[0]);
    expect(once[30 + 7]).toBe(255 - (picture[30 + 7] ?? NaN));
    expect(once[30 + 11]).toBe(picture[30 + 11]);
    expect(inverted(once, 6, 5, 1)).toEqual(picture);
  });
});
