// What numbers are as pixels, and what pixels have to be.
import assert from 'node:assert/strict';

export const greyOf = (values) =>
  Array.from(values, (value) => Math.min(Math.max((value + 1) * 127.5, 0), 255));

export function statistics(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}

export function largestDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((worst, value, index) => Math.max(worst, Math.abs(value - b[index])), 0);
}

/** Mostly background, some bright strokes: what every handwritten digit has. */
export function assertDigit(values, of = 'the picture') {
  const share = (condition) => values.filter(condition).length / values.length;
  const black = share((value) => value < -0.8);
  const bright = share((value) => value > 0.5);
  assert.ok(black > 0.6, `only ${(black * 100).toFixed(0)}% of ${of} is background`);
  assert.ok(bright > 0.02 && bright < 0.35, `${(bright * 100).toFixed(0)}% of ${of} is bright`);
}
