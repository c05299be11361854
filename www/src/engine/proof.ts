import type { ModelFile } from './files';

/** What the engine tells of itself and its device; `src/web/proof.rs`. */
export interface ProofFacts {
  version: string;
  /** The adapter computes on the processor. */
  software: boolean;
  limits: Limit[];
  /** The kernels that can be tested, by their numbers. */
  kernels: string[];
  /** What one pass of the network is made of. */
  work: Work[];
}

export interface Limit {
  /** As in WebGPU's `GPUSupportedLimits`. */
  name: string;
  /** What the adapter could give, and what was asked of it. */
  adapter: number;
  device: number;
}

export interface Work {
  kernel: string;
  dispatches: number;
  gflop: number;
}

/** Bytes of GPU buffers. */
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

/** What the wasm engine has for it. Measuring throws `Disturbed` where a run went on meanwhile. */
export interface ProofEngine {
  proof(): ProofFacts;
  memory(): Memory;
  test_kernel(kernel: number): Promise<KernelTest>;
  /** How coarse this browser's reports of finished work are, in milliseconds. */
  clock_grain(): Promise<number>;
  time_kernel(kernel: string, grain: number): Promise<KernelTime>;
  benchmark(batch: number, grain: number): Promise<Benchmark>;
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
  | { ask: 'test_kernel'; kernel: number }
  | { ask: 'time_kernel'; kernel: string; grain: number }
  | { ask: 'benchmark'; batch: number; grain: number };

export function answerProof(
  engine: ProofEngine,
  question: Exclude<ProofQuestion, { ask: 'proof' }>,
) {
  switch (question.ask) {
    case 'memory':
      return engine.memory();
    case 'test_kernel':
      return engine.test_kernel(question.kernel);
    case 'clock_grain':
      return engine.clock_grain();
    case 'time_kernel':
      return engine.time_kernel(question.kernel, question.grain);
    case 'benchmark':
      return engine.benchmark(question.batch, question.grain);
  }
}
