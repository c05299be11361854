import type { ModelFile } from './files';
import { benchmark, clockGrain, timeKernel } from './timing';

/** What the engine tells of itself and its device; `src/web/proof.rs`. */
export interface ProofFacts {
  version: string;
  /**
   * What the adapter could give and what was asked of it, by the names of `GPUSupportedLimits`; on
   * the CPU there is nothing.
   */
  adapter_limits: Record<string, number>;
  device_limits: Record<string, number>;
  /** The kernels that can be tested. */
  kernels: string[];
  /** What one pass of the network is made of. */
  work: Work[];
}

export interface Work {
  kernel: string;
  dispatches: number;
  gflop: number;
}

/** Bytes of the engine's buffers. */
export interface Memory {
  bytes: number;
  peak_bytes: number;
}

/** A kernel beside its twin: the case that comes nearest to its tolerance, or passes it the most. */
export interface KernelTest {
  kernel: string;
  cases: number;
  relative: number;
  tolerance: number;
  passed: boolean;
  /** What the device said against the shader. */
  complaint: string | null;
}

export interface KernelTime {
  kernel: string;
  /** All dispatches of one pass with one sample. */
  ms: number;
}

export interface Benchmark {
  batch: number;
  passes: number;
  passes_per_second: number;
  /** Of a pass with the whole batch. */
  median_ms: number;
  p90_ms: number;
  gflop_per_second: number;
}

/** A case of a kernel, with the buffers that its twin leaves; `src/twins.rs`. */
export interface TwinCase {
  params: Uint8Array;
  grid: Uint32Array;
  buffers: Uint32Array[];
  expected: Uint32Array[];
  tolerance: number;
}

/** What the wasm engine has for it. */
export interface ProofEngine {
  proof(): ProofFacts;
  memory(): Memory;
  test_kernel(kernel: string, cases: TwinCase[]): Promise<KernelTest>;
  /**
   * Submits passes of the network, or one kernel's part in them: one for a start, then so many
   * submissions of so many repetitions. Resolves to when each ended, the start first, in
   * milliseconds. Throws `Disturbed` where a run went on meanwhile.
   */
  stretch(
    batch: number,
    kernel: string | undefined,
    submissions: number,
    repetitions: number,
  ): Promise<Float64Array>;
}

export interface ProofAnswers {
  /** `files` are those of the model, each with the hash it was checked by. */
  proof: ProofFacts & { files: ModelFile[] };
  memory: Memory;
  test_kernel: KernelTest;
  clock_grain: number;
  time_kernel: KernelTime;
  benchmark: Benchmark;
}

export type ProofQuestion =
  | { ask: 'proof' }
  | { ask: 'memory' }
  | { ask: 'clock_grain' }
  | { ask: 'test_kernel'; kernel: string }
  | { ask: 'time_kernel'; kernel: string; grain: number }
  | { ask: 'benchmark'; batch: number; grain: number };

/** The twins are a module of their own, fetched when they are first asked for. */
async function twinCases(kernel: string): Promise<TwinCase[]> {
  const { default: init, cases } = await import('@twins');
  await init();
  return cases(kernel);
}

export async function answerProof(
  engine: ProofEngine,
  question: Exclude<ProofQuestion, { ask: 'proof' }>,
) {
  switch (question.ask) {
    case 'memory':
      return engine.memory();
    case 'test_kernel':
      return engine.test_kernel(question.kernel, await twinCases(question.kernel));
    case 'clock_grain':
      return clockGrain(engine);
    case 'time_kernel':
      return timeKernel(engine, question.kernel, question.grain);
    case 'benchmark':
      return benchmark(engine, question.batch, question.grain);
  }
}
