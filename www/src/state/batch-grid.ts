import type { Cursor } from './inspector.svelte';

/** How a batch lies on a canvas: samples row by row, one pixel between them. */
export interface BatchGrid {
  samples: number;
  columns: number;
  rows: number;
  /** Pixels of a sample. */
  width: number;
  height: number;
}

const GAP = 1;
const side = (count: number, each: number) => count * (each + GAP) - GAP;

/** The pixel at a share of the canvas' width and height; `null` between samples. */
export function pixelAt(grid: BatchGrid, across: number, down: number): Cursor | null {
  const { columns, rows, width, height } = grid;
  const column = Math.floor(across * side(columns, width));
  const row = Math.floor(down * side(rows, height));
  const [cellX, x] = [Math.floor(column / (width + GAP)), column % (width + GAP)];
  const [cellY, y] = [Math.floor(row / (height + GAP)), row % (height + GAP)];
  const sample = cellY * columns + cellX;
  const inside = column >= 0 && row >= 0 && cellX < columns && x < width && y < height;
  return inside && sample < grid.samples ? { sample, x, y } : null;
}

/** Where a pixel lies, and how large it and its sample are, in shares of the canvas. */
export function placeOf(grid: BatchGrid, { sample, x, y }: Cursor) {
  const { columns, rows, width, height } = grid;
  const [across, down] = [side(columns, width), side(rows, height)];
  return {
    left: ((sample % columns) * (width + GAP) + x) / across,
    top: (Math.floor(sample / columns) * (height + GAP) + y) / down,
    width: 1 / across,
    height: 1 / down,
    sampleWidth: width / across,
    sampleHeight: height / down,
  };
}
