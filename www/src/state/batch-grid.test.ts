import { describe, expect, it } from 'vitest';
import { pixelAt, placeOf, type BatchGrid } from './batch-grid';

const grid: BatchGrid = { samples: 3, columns: 2, rows: 2, width: 4, height: 3 };

describe('a batch on a canvas', () => {
  it('finds every pixel where it is drawn', () => {
    for (const cursor of [
      { sample: 0, x: 0, y: 0 },
      { sample: 1, x: 3, y: 2 },
      { sample: 2, x: 2, y: 1 },
    ]) {
      const { left, top, width, height } = placeOf(grid, cursor);
      expect(pixelAt(grid, left + width / 2, top + height / 2)).toEqual(cursor);
    }
  });

  it('has nothing between samples, beyond the last one and outside', () => {
    expect(pixelAt(grid, 4.5 / 9, 0)).toBeNull();
    expect(pixelAt(grid, 8 / 9, 6 / 7)).toBeNull();
    expect(pixelAt(grid, -0.01, 0)).toBeNull();
    expect(pixelAt(grid, 1, 0)).toBeNull();
  });
});
