import type { RaceNews } from '../engine/racing';
import type { Entrant, RaceWish } from '../engine/types';
import type { PageRecipe } from './page-state';
import type { Studio } from './studio.svelte';

/** The reference's steps: divisors of 1,000, the most for which there is patience. */
const REFERENCE_STEPS = [1000, 500, 250, 200, 125, 100, 50, 25];
const PATIENCE_MS = 20_000;

export const MOST_ENTRANTS = 6;

interface Reference {
  /** Of the recipe without its sampler. */
  key: string;
  steps: number;
  values: Float32Array;
}

/** Samplers side by side, from one x_T by as many network calls. */
export class Race {
  entrants: Entrant[] = $state.raw([]);
  /** Who they are, in the same order. */
  names: string[] = $state.raw([]);
  pictures: Float32Array | null = $state.raw(null);
  steps = $state(0);
  running: 'race' | 'reference' | null = $state(null);
  reference: Reference | null = $state.raw(null);
  distances: Float32Array | null = $state.raw(null);
  /** What a call of one sample took in the last race. */
  msPerCall = $state(0);
  /** Why there is no race. */
  refusal: string | null = $state(null);
  readonly #studio: Studio;
  #id = 0;
  #startedAt = 0;
  #key = '';

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** How long the reference may be on this device. */
  readonly referenceSteps = $derived.by(() => {
    const affordable = REFERENCE_STEPS.find((steps) => steps * this.msPerCall <= PATIENCE_MS);
    return affordable ?? REFERENCE_STEPS.at(-1) ?? 25;
  });

  picture(index: number): Float32Array | null {
    const { model } = this.#studio;
    if (!model || !this.pictures) return null;
    const size = model.channels * model.height * model.width;
    return this.pictures.subarray(index * size, (index + 1) * size);
  }

  start(names: string[], calls: number): void {
    this.names = names;
    this.entrants = [];
    this.pictures = this.distances = null;
    this.#key = this.#keyNow();
    this.#run('race', { recipes: names.map((name) => this.#recipe(name)), calls });
  }

  /** Measures how far everyone is from a long run of DDIM; made once for as many races as it fits. */
  async measure(): Promise<void> {
    if (this.reference?.key === this.#key) await this.#compare();
    else {
      const recipe = { ...this.#recipe('ddim'), eta: 0, sigmas: null };
      const calls = this.referenceSteps;
      this.#run('reference', {
        recipes: [{ ...recipe, timestep_spacing: 'trailing' }],
        calls,
      });
    }
  }

  stop(): void {
    this.#id++;
    this.running = null;
    this.#studio.client?.post({ type: 'end_race', id: this.#id });
  }

  /** Another model, or another device: there is nothing left to compare. */
  clear(): void {
    this.#id++;
    this.running = this.pictures = this.distances = this.reference = null;
    this.entrants = [];
  }

  receive(id: number, news: RaceNews): void {
    if (id !== this.#id || !this.running) return;
    this.steps = news.steps;
    if (this.running === 'race') {
      this.entrants = news.entrants;
      this.pictures = news.pictures;
    }
    if (!news.done) return;
    if (this.running === 'race') {
      const calls = news.entrants.reduce((sum, { network_calls }) => sum + network_calls, 0);
      this.msPerCall = (performance.now() - this.#startedAt) / calls;
    }
    if (this.running === 'reference') {
      const steps = news.entrants[0]?.steps ?? 0;
      this.reference = { key: this.#key, steps, values: news.pictures };
      void this.#compare();
    }
    this.running = null;
  }

  refuse(message: string): void {
    this.running = null;
    this.refusal = message;
  }

  #run(kind: 'race' | 'reference', wish: Omit<RaceWish, 'sample'>): void {
    this.#studio.playback.pause();
    this.refusal = null;
    this.steps = 0;
    this.#startedAt = performance.now();
    this.running = kind;
    const sample = this.#studio.page.focus;
    this.#studio.client?.post({ type: 'race', id: ++this.#id, wish: { ...wish, sample } });
  }

  async #compare(): Promise<void> {
    const { client } = this.#studio;
    if (!client || !this.pictures || !this.reference) return;
    const { pictures, reference } = this;
    const question = { ask: 'distances', pictures, reference: reference.values } as const;
    const distances = await client.ask(question).catch(() => null);
    if (this.pictures === pictures) this.distances = distances;
  }

  #recipe(sampler: string) {
    const { page, model } = this.#studio;
    const { class_label } = page.recipe;
    const classes = model?.class_names?.length ?? 1;
    const recipe: PageRecipe = {
      ...$state.snapshot(page.recipe),
      sampler,
      batch: 1,
      class_label: class_label === 'each' ? page.focus % classes : class_label,
    };
    return this.#studio.translated(recipe);
  }

  #keyNow(): string {
    const { sampler, steps, ...rest } = this.#recipe('');
    void [sampler, steps];
    return JSON.stringify([this.#studio.page.model, this.#studio.page.focus, rest]);
  }
}
