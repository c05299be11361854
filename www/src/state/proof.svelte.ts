import type { Benchmark, KernelTest, KernelTime, Memory, ProofAnswers } from '../engine/proof';
import type { Answers, Question } from '../engine/protocol';
import type { Span } from '../engine/startup';
import type { SelfTest } from '../engine/types';
import { errorText } from './format';
import type { Studio } from './studio.svelte';

/** What is being found out now; one at a time, so that none disturbs another. */
export type Doing = 'tests' | 'times' | 'benchmark';

/** After a run, before the golden vector is computed quietly. */
const QUIET_MS = 1000;
const LOOK_MS = 50;
/** A software adapter would be at the larger one for long. */
const BATCHES = { software: [1], hardware: [1, 4] };

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What this device has shown of itself: that it computes what it should, and how fast. */
export class Proof {
  facts: ProofAnswers['proof'] | null = $state.raw(null);
  memory: Memory | null = $state.raw(null);
  /** How the visit began. */
  startup: Span[] = $state.raw([]);
  golden: 'none' | 'running' | SelfTest | Error = $state.raw('none');
  tests: KernelTest[] = $state.raw([]);
  times: KernelTime[] = $state.raw([]);
  benchmarks: Benchmark[] = $state.raw([]);
  /** When the benchmark ended. */
  measuredAt: number | null = $state.raw(null);
  doing: Doing | null = $state(null);
  /** Waiting for a run to come to rest, beside which nothing can be measured. */
  waiting = $state(false);
  trouble: string | null = $state(null);
  readonly #studio: Studio;
  /** Counts the models: what was found of one says nothing of another. */
  #model = 0;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  clear(): void {
    this.#model++;
    clearTimeout(this.#quiet);
    this.facts = this.memory = this.measuredAt = null;
    this.golden = 'none';
    if (this.doing === 'tests') this.tests = [];
    this.times = this.benchmarks = [];
    this.doing = this.trouble = null;
  }

  /** What is known without computing anything. */
  async look(): Promise<void> {
    const model = this.#model;
    const [facts, memory, startup] = await Promise.all([
      this.facts ?? this.#ask({ ask: 'proof' }),
      this.#ask({ ask: 'memory' }),
      this.#ask({ ask: 'startup' }),
    ]);
    if (model !== this.#model) return;
    this.facts = facts;
    this.memory = memory;
    this.startup = startup;
  }

  /** The first run of a model is at rest: now its network can be checked without anyone waiting. */
  expectGolden(): void {
    if (this.golden !== 'none') return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      if (!this.#studio.playback.playing && this.golden === 'none') void this.checkGolden();
    }, QUIET_MS);
  }

  /** One pass beside what PyTorch made of the same input. */
  async checkGolden(): Promise<void> {
    const model = this.#model;
    this.golden = 'running';
    const found = await this.#ask({ ask: 'self_test' }).catch((thrown: Error) => thrown);
    if (model !== this.#model) return;
    this.golden = found;
    if (!(found instanceof Error) && !found.passed) {
      this.#studio.notes.push(
        `On this device the network differs from PyTorch’s: max |Δ| ${errorText(found.max_abs)}, ` +
          `relative ${errorText(found.relative)}, where ${errorText(found.tolerance)} is allowed. ` +
          'Its pictures may be wrong; Proof can test every kernel.',
      );
    }
  }

  /** Every kernel beside its twin, then the network beside PyTorch. */
  test(): Promise<void> {
    return this.#do('tests', async (current) => {
      this.tests = [];
      for (const kernel of this.facts?.kernels ?? []) {
        const test = await this.#ask({ ask: 'test_kernel', kernel });
        if (!current()) return;
        this.tests = [...this.tests, test];
      }
      await this.checkGolden();
    });
  }

  /** How long each kernel takes of a pass. */
  time(): Promise<void> {
    return this.#do('times', async (current) => {
      this.times = [];
      const grain = await this.#undisturbed({ ask: 'clock_grain' });
      for (const { kernel } of this.facts?.work ?? []) {
        const time = await this.#undisturbed({ ask: 'time_kernel', kernel, grain });
        if (!current()) return;
        this.times = [...this.times, time];
      }
    });
  }

  /** Passes of the whole network in a second. */
  measure(): Promise<void> {
    return this.#do('benchmark', async (current) => {
      this.benchmarks = [];
      this.measuredAt = null;
      const grain = await this.#undisturbed({ ask: 'clock_grain' });
      for (const batch of BATCHES[this.#studio.device?.software ? 'software' : 'hardware']) {
        const benchmark = await this.#undisturbed({ ask: 'benchmark', batch, grain });
        if (!current()) return;
        this.benchmarks = [...this.benchmarks, benchmark];
      }
      this.measuredAt = Date.now();
    });
  }

  async #do(what: Doing, work: (current: () => boolean) => Promise<void>): Promise<void> {
    if (this.doing) return;
    const model = this.#model;
    const current = () => model === this.#model;
    this.doing = what;
    this.trouble = null;
    try {
      await work(current);
    } catch (thrown) {
      if (current()) this.trouble = thrown instanceof Error ? thrown.message : String(thrown);
    }
    if (!current()) return;
    this.doing = null;
    await this.look();
  }

  /** Asks while no run is on its way, and again where one came in between. */
  async #undisturbed<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    for (;;) {
      while (this.#studio.playback.playing) {
        this.waiting = true;
        await sleep(LOOK_MS);
      }
      this.waiting = false;
      try {
        return await this.#ask(question);
      } catch (thrown) {
        if (!(thrown instanceof Error && thrown.name === 'Disturbed')) throw thrown;
      }
    }
  }

  #ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    const { client } = this.#studio;
    return client?.ask(question) ?? Promise.reject(new Error('There is no engine.'));
  }
}
