import { lackOf, type Problem, type Trial } from './protocol';
import type { Engine } from './types';

/** What both engines are tried on. */
export interface TrialModel {
  name: string;
  weights: Map<string, Uint8Array>;
}

/** What came of a trial: which is faster, or why there is nothing to try. */
export type Found = { trial: Trial } | { lack: Problem };

/** The CPU's engine, at work, and how often it was asked for anything that takes it time. */
export interface Bench {
  engine: Pick<Engine, 'stretch'>;
  model: TrialModel;
  /** Changes when it has had something else to do. */
  work: () => number;
}

/**
 * Tries the shaders of a software adapter beside the CPU's engine, which computes meanwhile: once,
 * when it has come to rest. What was disturbed does not count, and is tried again.
 */
export class ShaderTrial {
  #due: boolean;
  #running: Promise<void> | undefined;
  readonly #measure: (bench: Bench) => Promise<Trial | undefined>;
  readonly #tell: (found: Found) => void;

  /** `measure` resolves to nothing where it was disturbed. */
  constructor(
    due: boolean,
    measure: (bench: Bench) => Promise<Trial | undefined>,
    tell: (found: Found) => void,
  ) {
    this.#due = due;
    this.#measure = measure;
    this.#tell = tell;
  }

  /** For what would be measured beside it. */
  get over(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** The CPU's engine has nothing else to do. */
  rest(bench: Bench): void {
    if (!this.#due || this.#running) return;
    this.#running = this.#try(bench).finally(() => {
      this.#running = undefined;
    });
  }

  async #try(bench: Bench): Promise<void> {
    try {
      const trial = await this.#measure(bench);
      if (!trial) return;
      this.#due = false;
      this.#tell({ trial });
    } catch (thrown) {
      // What cannot be tried is not faster.
      this.#due = false;
      const lack = lackOf(thrown);
      if (lack) this.#tell({ lack });
    }
  }
}
