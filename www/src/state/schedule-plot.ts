import { scaleLinear, scaleLog } from 'd3-scale';
import type { Curves, Measure, ScheduleName } from '../engine/types';
import { power, significant } from './format';

export const SCHEDULE_TITLES: Record<ScheduleName, string> = {
  linear: 'linear',
  scaled_linear: 'scaled linear',
  quadratic: 'quadratic',
  sigmoid: 'sigmoid',
  cosine: 'cosine',
  own: 'the model’s own',
};

export const MEASURE_OPTIONS: { value: Measure; label: string; title: string }[] = [
  { value: 'alpha_bar', label: 'ᾱ', title: 'What is left of the picture’s variance at t' },
  { value: 'beta', label: 'β', title: 'The variance of the noise that the step to t adds' },
  { value: 'snr', label: 'SNR', title: 'Signal over noise, in variance: ᾱ / (1 − ᾱ)' },
  {
    value: 'log_snr',
    label: 'log-SNR',
    title: 'ln SNR: 0 is as much signal as noise',
  },
];

const LOGARITHMIC: readonly Measure[] = ['beta', 'snr'];

export interface Axis {
  /** From a value to a height, from `height` at the bottom to 0. */
  y: (value: number) => number;
  ticks: { at: number; label: string }[];
}

/** An axis that holds all the curves' values; those that no axis holds (log 0) lie below it. */
export function axisOf(measure: Measure, curves: readonly Curves[], height: number): Axis {
  if (measure === 'alpha_bar') return linearAxis([0, 1], height);
  const logarithmic = LOGARITHMIC.includes(measure);
  const values = curves
    .flatMap((curve) => curve[measure])
    .filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
  const ends: [number, number] = [Math.min(...values), Math.max(...values)];
  return logarithmic ? logarithmicAxis(ends, height) : linearAxis(ends, height);
}

function linearAxis(ends: [number, number], height: number): Axis {
  const scale = scaleLinear(ends, [height, 0]).nice(5);
  const below = 2 * height;
  return {
    y: (value) => (Number.isFinite(value) ? scale(value) : below),
    ticks: scale.ticks(5).map((at) => ({ at: scale(at), label: significant(at) })),
  };
}

/** Whole powers of ten, every one or every few. */
function logarithmicAxis([low, high]: [number, number], height: number): Axis {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const scale = scaleLog([10 ** first, 10 ** last], [height, 0]);
  const stride = Math.ceil((last - first) / 6);
  const powers = Array.from({ length: last - first + 1 }, (_, index) => last - index);
  return {
    y: (value) => (value > 0 && Number.isFinite(value) ? scale(value) : 2 * height),
    ticks: powers
      .filter((exponent) => (last - exponent) % stride === 0)
      .map((exponent) => ({ at: scale(10 ** exponent), label: power(exponent) })),
  };
}

export interface Point {
  x: number;
  y: number;
}

/** About its middle; a point has no size. */
interface Box extends Point {
  width?: number;
  height?: number;
}

export interface Label extends Point {
  /** Where its curve is. */
  curve: Point;
}

/** How far a label may stand off its curve; beyond the first of them it needs a line to it. */
export const OFFSETS = [13, 26, 40] as const;
/** Distances beyond this are as good as any: labels then stay near the middle. */
const ROOM = 18;
/** What is under another label cannot be read. */
const HIDDEN = 100;
/** So far from the others a curve is easily told from them. */
const APART = 12;
/** A steep curve comes nearer than this to its own label, which then is elsewhere. */
const CLEAR = 4;

/**
 * The middle of a label of each curve: beside its own, where that is apart from the others, and as
 * clear of them as can be. The curves have points at the same places; `widths` are the labels'.
 */
export function placeLabels(
  curves: readonly (readonly Point[])[],
  widths: readonly number[],
  plot: { width: number; height: number },
  height = 14,
): Label[] {
  const placed: Box[] = [];
  return curves.map((curve, index) => {
    const width = widths[index] ?? 0;
    const rivals = curves.filter((other) => other !== curve);
    const others = [...rivals.flat(), ...placed];
    const inside = ({ x, y }: Point) =>
      x > width / 2 && x < plot.width - width / 2 && y > height / 2 && y < plot.height - height / 2;
    const apart = ({ y }: Point, at: number) =>
      Math.min(APART, ...rivals.map((other) => Math.abs((other[at]?.y ?? Infinity) - y)));
    const score = (at: Point, off: number) => {
      const box = { ...at, width, height };
      const room = Math.min(ROOM, ...others.map((other) => distance(box, other)));
      const hidden = placed.some((other) => distance(box, other) < CLEAR) ? HIDDEN : 0;
      const crossed = curve.some((point) => distance(box, point) < CLEAR) ? ROOM : 0;
      return room - hidden - crossed - 0.35 * off - 5 * Math.abs(at.x / plot.width - 0.5);
    };
    const places = curve.flatMap((point, at) => {
      const told = apart(point, at);
      return OFFSETS.flatMap((off) =>
        [-off, off].map((by) => ({
          label: { x: point.x, y: point.y + by, curve: point },
          score: told + score({ x: point.x, y: point.y + by }, off),
        })),
      );
    });
    const fitting = places.filter(({ label }) => inside(label));
    const best = fitting.reduce<(typeof places)[number] | undefined>(
      (most, place) => (most && most.score >= place.score ? most : place),
      undefined,
    );
    const label = best?.label ?? { x: 0, y: 0, curve: { x: 0, y: 0 } };
    placed.push({ x: label.x, y: label.y, width, height });
    return label;
  });
}

/** Between two boxes; 0 where they meet. */
function distance(a: Box, b: Box): number {
  const between = (gap: number, one = 0, other = 0) =>
    Math.max(Math.abs(gap) - (one + other) / 2, 0);
  const x = between(a.x - b.x, a.width, b.width);
  const y = between(a.y - b.y, a.height, b.height);
  return Math.hypot(x, y);
}

/**
 * The number of steps after one of their timesteps was pulled: their distances from `anchor`, which
 * stays, grow and shrink together.
 */
export function pulled(
  steps: number,
  anchor: number,
  from: number,
  to: number,
  most: number,
): number {
  const was = Math.abs(from - anchor);
  const is = Math.max(Math.abs(to - anchor), 1);
  if (was === 0) return steps;
  return Math.min(Math.max(Math.round((steps * was) / is), 1), most);
}

/** The number of the timestep that is nearest to `t`. */
export function nearest(timesteps: readonly number[], t: number): number {
  return timesteps.reduce(
    (best, timestep, index) =>
      Math.abs(timestep - t) < Math.abs((timesteps[best] ?? Infinity) - t) ? index : best,
    0,
  );
}
