import { expect, it } from 'vitest';
import { piecesOf } from './strip';

it('a long strip is drawn on several canvases, none wider than browsers have them', () => {
  const frames = Array.from({ length: 1001 }, (_, frame) => frame);
  const pieces = piecesOf(frames, 33);
  expect(pieces.flat()).toEqual(frames);
  expect(pieces.map((piece) => piece.length)).toEqual([...Array(8).fill(124), 9]);
  expect(piecesOf(frames.slice(0, 51), 33)).toHaveLength(1);
  expect(piecesOf([3, 4], 8192)).toEqual([[3], [4]]);
  expect(piecesOf([], 33)).toEqual([]);
});
