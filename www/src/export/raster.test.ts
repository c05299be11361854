import { describe, expect, it } from 'vitest';
import { enlarged, gridOf, opaque, single, stacked, type Layout } from './raster';

const layout: Layout = { channels: 1, width: 2, height: 1, columns: 2, rows: 1 };
const values = Float32Array.of(-1, 1, 0, 2);
const pixels = ({ data }: { data: Uint8ClampedArray }) =>
  Array.from({ length: data.length / 4 }, (_, at) => Array.from(data.subarray(4 * at, 4 * at + 4)));

describe('a batch as a picture', () => {
  it('lays samples side by side, with a clear gap between', () => {
    const grid = gridOf(values, layout);
    expect([grid.width, grid.height]).toEqual([5, 1]);
    expect(pixels(grid)).toEqual([
      [0, 0, 0, 255],
      [255, 255, 255, 255],
      [0, 0, 0, 0],
      [128, 128, 128, 255],
      [255, 255, 255, 255],
    ]);
  });

  it('takes colours from channels', () => {
    const colour = { channels: 3, width: 1, height: 1, columns: 1, rows: 1 };
    expect(pixels(gridOf(Float32Array.of(1, -1, 0), colour))).toEqual([[255, 0, 128, 255]]);
  });

  it('leaves out all but one sample', () => {
    const one = single(values, layout, 1);
    expect(pixels(gridOf(one.values, one.layout))).toEqual([
      [128, 128, 128, 255],
      [255, 255, 255, 255],
    ]);
  });
});

it('enlarges by a whole factor', () => {
  const large = enlarged(gridOf(Float32Array.of(-1, 1), { ...layout, columns: 1 }), 3);
  expect([large.width, large.height]).toEqual([4, 2]);
  expect(pixels(large).map(([red]) => red)).toEqual([0, 0, 255, 255, 0, 0, 255, 255]);
});

it('puts words under a picture', () => {
  const picture = gridOf(Float32Array.of(-1, 1), { ...layout, columns: 1 });
  const both = stacked(picture, gridOf(Float32Array.of(1, -1), { ...layout, columns: 1 }));
  expect([both.width, both.height]).toEqual([2, 2]);
  expect(pixels(both).map(([red]) => red)).toEqual([0, 255, 255, 0]);
});

it('has a ground where nothing may show through', () => {
  const grid = opaque(gridOf(values, layout), [51, 51, 51]);
  expect(pixels(grid)[2]).toEqual([51, 51, 51, 255]);
});
