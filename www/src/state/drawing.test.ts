import { describe, expect, it } from 'vitest';
import { inksFor, padScale, resample, type DrawingTarget } from './drawing';

const target: DrawingTarget = { channels: 1, width: 32, height: 32, pad: 2 };
const fine = padScale(target);
const side = 28 * fine;

const WHITE = [255, 255, 255, 255];

/** Ink in a rectangle of pad pixels. */
function inkAt(left: number, top: number, width: number, height: number, colour = WHITE) {
  const ink = new Uint8ClampedArray(4 * side * side);
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) ink.set(colour, 4 * (y * side + x));
  }
  return ink;
}

it('a pad is no larger than every browser has a canvas for', () => {
  const scales = [32, 64, 256, 512, 1024, 4096].map((side) => padScale({ width: side, height: 8 }));
  expect(scales).toEqual([10, 10, 8, 4, 2, 1]);
  expect(padScale({ width: 8, height: 512 })).toBe(4);
});

describe('a drawing, as the model sees it', () => {
  it('of nothing is nothing', () => {
    expect(resample(new Uint8ClampedArray(4 * side * side), target)).toBeNull();
  });

  it('lands inside the border, on the pixel it was drawn on', () => {
    const values = resample(inkAt(3 * fine, 5 * fine, fine, fine), target);
    expect(values).toHaveLength(32 * 32);
    expect(values?.[(2 + 5) * 32 + (2 + 3)]).toBe(1);
    expect(values?.filter((value) => value > -1)).toHaveLength(1);
  });

  it('is antialiased: half a pixel of ink is half bright', () => {
    const values = resample(inkAt(0, 0, fine / 2, fine), target);
    expect(values?.[2 * 32 + 2]).toBeCloseTo(0);
  });

  it('keeps the border empty however full the pad', () => {
    const values = resample(inkAt(0, 0, side, side), target);
    expect(values?.filter((value) => value === 1)).toHaveLength(28 * 28);
    expect(values?.[0]).toBe(-1);
    expect(values?.[31 * 32 + 31]).toBe(-1);
  });

  it('has colours where the model has', () => {
    const half = inkAt(0, 0, side, side, [255, 0, 51, 128]);
    const values = resample(half, { ...target, channels: 3 });
    const at = (channel: number) => values?.[channel * 1024 + 16 * 32 + 16] ?? NaN;
    expect([at(0), at(1), at(2)].map((value) => value.toFixed(2))).toEqual([
      '0.00',
      '-1.00',
      '-0.80',
    ]);
    expect(inksFor(3).length).toBeGreaterThan(4);
    expect(inksFor(1)).toHaveLength(1);
  });

  it('fills every channel alike', () => {
    const values = resample(inkAt(0, 0, side, side), { ...target, channels: 3 });
    expect(values).toHaveLength(3 * 32 * 32);
    expect(values?.slice(0, 1024)).toEqual(values?.slice(2048));
  });
});
