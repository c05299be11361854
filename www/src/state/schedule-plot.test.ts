import { describe, expect, it } from 'vitest';
import type { Curves } from '../engine/types';
import { axisOf, nearest, placeLabels, pulled } from './schedule-plot';

const curves: Curves = {
  alpha_bar: [0.9999, 0.5, 0],
  beta: [1e-4, 0.01, 0.999],
  snr: [9999, 1, 0],
  log_snr: [9.21, 0, -Infinity],
  end: { signal: 0, snr: 0, in_noise: true },
};

describe('the axis', () => {
  it('is linear for ᾱ and log-SNR', () => {
    const axis = axisOf('alpha_bar', [curves], 100);
    expect([axis.y(0), axis.y(0.5), axis.y(1)]).toEqual([100, 50, 0]);
    const logSnr = axisOf('log_snr', [curves], 100);
    expect(logSnr.y(0)).toBe(100);
    expect(logSnr.y(-Infinity)).toBeGreaterThan(100);
  });

  it('is logarithmic for β and SNR, and has no place for 0', () => {
    const beta = axisOf('beta', [curves], 100);
    const heights = [beta.y(1e-4), beta.y(1e-2), beta.y(1)];
    expect(heights.map((height) => Math.round(height))).toEqual([100, 50, 0]);
    expect(beta.ticks.map(({ label }) => label)).toEqual(['1', '0.1', '0.01', '10⁻³', '10⁻⁴']);
    expect(axisOf('snr', [curves], 100).y(0)).toBeGreaterThan(100);
  });
});

describe('labels', () => {
  const flat = (y: number) => Array.from({ length: 100 }, (_, x) => ({ x: 4 * x, y }));

  it('stand beside their own curve and clear of the others', () => {
    const lines = [flat(40), flat(60), flat(160)];
    const places = placeLabels(lines, [60, 60, 60], { width: 400, height: 200 });
    expect(places.map(({ y }) => y)).toEqual([27, 73, 147]);
  });

  it('do not lie on one another', () => {
    const places = placeLabels([flat(100), flat(100)], [80, 80], { width: 400, height: 200 });
    const [one, other] = places;
    expect(one && other && (one.y !== other.y || Math.abs(one.x - other.x) >= 80)).toBe(true);
  });
});

describe('pulling a step', () => {
  it('stretches all of them from the end that stays', () => {
    // 10 trailing steps of 1000 are 100 apart: the second, pulled to 799, makes them 200 apart.
    expect(pulled(10, 999, 899, 799, 1000)).toBe(5);
    expect(pulled(10, 999, 899, 949, 1000)).toBe(20);
    expect(pulled(10, 0, 500, 250, 1000)).toBe(20);
  });

  it('stays within what there can be', () => {
    expect(pulled(10, 999, 899, 999, 500)).toBe(500);
    expect(pulled(2, 999, 998, 0, 1000)).toBe(1);
    expect(pulled(7, 999, 999, 500, 1000)).toBe(7);
  });
});

it('the nearest timestep is found in any order', () => {
  expect(nearest([999, 500, 1], 700)).toBe(1);
  expect(nearest([0], 42)).toBe(0);
});
