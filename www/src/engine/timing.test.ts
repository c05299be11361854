import { describe, expect, it } from 'vitest';
import type { ProofFacts } from './proof';
import { benchmark, clockGrain, timeKernel } from './timing';

/** A device that takes so long for a repetition, and is looked at every `tick` milliseconds. */
function device(ms: number, tick: number) {
  let now = 0;
  const looked = () => Math.ceil(now / tick) * tick;
  return {
    proof: () =>
      ({
        work: [
          { kernel: 'conv3x3', dispatches: 20, gflop: 0.5 },
          { kernel: 'softmax', dispatches: 4, gflop: 0 },
        ],
      }) as unknown as ProofFacts,
    stretch: (batch: number, kernel: string | undefined, count: number, repetitions: number) => {
      expect(count * repetitions * (kernel ? 4 : 24)).toBeLessThanOrEqual(20_000);
      now = looked();
      const ends = [0, ...Array.from({ length: count }, () => repetitions)].map((times) => {
        now += times * ms * batch + (times === 0 ? 0.5 : 0);
        return looked();
      });
      return Promise.resolve(Float64Array.from(ends));
    },
  };
}

describe('timing', () => {
  it.each([
    [0.2, 1],
    [7, 1],
    [130, 1],
    [7, 100],
    [130, 100],
  ])('a kernel of %d ms is timed by a clock of %d ms', async (ms, tick) => {
    const engine = device(ms, tick);
    const { ms: found } = await timeKernel(engine, 'conv3x3', await clockGrain(engine));
    expect(found / ms).toBeGreaterThan(0.85);
    expect(found / ms).toBeLessThan(1.15);
  });

  it.each([
    [3, 1, 1],
    [130, 1, 4],
    [40, 100, 1],
  ])('passes of %d ms are counted by a clock of %d ms', async (ms, tick, batch) => {
    const engine = device(ms, tick);
    const found = await benchmark(engine, batch, await clockGrain(engine));
    expect((found.passes_per_second * ms * batch) / 1000).toBeCloseTo(1, 0.5);
    expect(found.median_ms / (ms * batch)).toBeGreaterThan(0.8);
    expect(found.median_ms / (ms * batch)).toBeLessThan(1.25);
    expect(found.p90_ms).toBeGreaterThanOrEqual(found.median_ms);
    expect(found.gflop_per_second / found.passes_per_second).toBeCloseTo(0.5 * batch);
  });
});
