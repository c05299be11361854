import type { Benchmark, KernelTime, ProofEngine } from './proof';

type Timed = Pick<ProofEngine, 'proof' | 'stretch'>;

/** To encode more of them at once would keep the thread from its messages. */
const MOST_DISPATCHES = 4000;
const BENCHMARK_MS = 3000;
const FEWEST_PASSES = 5;
/** Passes that the clock cannot tell apart by this many of its ticks are one sample. */
const TICKS = 5;

/** Milliseconds of work that such a clock measures to a tenth. */
const windowOf = (grain: number) => clamp(10 * grain, 300, 1000);
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
const at = (ends: Float64Array, index: number) => ends[index] ?? NaN;

/** How many repetitions one stretch may have. */
const mostOf = (dispatches: number) => Math.max(1, Math.floor(MOST_DISPATCHES / dispatches));

const dispatchesOf = (engine: Timed, kernel?: string) =>
  engine
    .proof()
    .work.filter((work) => !kernel || work.kernel === kernel)
    .reduce((sum, work) => sum + work.dispatches, 0);

/**
 * How coarse this browser's reports of finished work are, in milliseconds: some look only now and
 * then. A pass takes its time too, which a coarser clock would not show.
 */
export async function clockGrain(engine: Timed): Promise<number> {
  const { work } = engine.proof();
  const shortest = work.find(({ gflop }) => gflop === 0)?.kernel;
  const before = await engine.stretch(1, shortest, 0, 0);
  const after = await engine.stretch(1, shortest, 0, 0);
  return at(after, 0) - at(before, 0);
}

/**
 * Times a kernel's dispatches of one pass. What they read is left by chance, on which their time
 * does not depend.
 */
export async function timeKernel(
  engine: Timed,
  kernel: string,
  grain: number,
): Promise<KernelTime> {
  const window = windowOf(grain);
  const most = mostOf(dispatchesOf(engine, kernel));
  let [spent, passes, next] = [0, 0, 1];
  while (spent < window) {
    const ends = await engine.stretch(1, kernel, 1, next);
    spent += at(ends, 1) - at(ends, 0);
    passes += next;
    const left = ((window - spent) * passes) / Math.max(spent, 1e-3);
    next = clamp(Math.ceil(left), 1, Math.min(8 * next, most));
  }
  return { kernel, ms: spent / passes };
}

/** Passes of the whole network, one after the other. */
export async function benchmark(engine: Timed, batch: number, grain: number): Promise<Benchmark> {
  const window = windowOf(grain);
  const { work } = engine.proof();
  const most = mostOf(dispatchesOf(engine));
  const gflop = batch * work.reduce((sum, work) => sum + work.gflop, 0);
  const first = await engine.stretch(batch, undefined, 1, 1);
  let mean = at(first, 1) - at(first, 0);
  let [spent, passes] = [0, 0];
  const samples: number[] = [];
  while (spent < Math.max(BENCHMARK_MS, 4 * window) || passes < FEWEST_PASSES) {
    const count = clamp(Math.floor(window / Math.max(mean, 1e-3)), 1, most);
    const ends = await engine.stretch(batch, undefined, count, 1);
    spent += at(ends, count) - at(ends, 0);
    passes += count;
    mean = spent / passes;
    const group = clamp(Math.floor((TICKS * grain) / Math.max(mean, 1e-3)), 1, count);
    for (let end = group; end <= count; end += group) {
      samples.push((at(ends, end) - at(ends, end - group)) / group);
    }
  }
  samples.sort((a, b) => a - b);
  const rank = (share: number) =>
    samples[Math.max(Math.ceil(share * samples.length), 1) - 1] ?? NaN;
  return {
    batch,
    passes,
    passes_per_second: 1000 / mean,
    median_ms: rank(0.5),
    p90_ms: rank(0.9),
    gflop_per_second: (1000 / mean) * gflop,
  };
}
