import type { RaceNews } from '../engine/racing';
import type { RaceWish } from '../engine/types';
import { MOST_STEPS, type PageRecipe } from './page-state';
import { entered, type Entered } from './race-field';
import type { Studio } from './studio.svelte';

const FIRST_SAMPLERS = ['ddpm', 'ddim', 'euler-a', 'dpm++2m', 'unipc', 'pndm'];
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
  /** Network calls of each in the race that is on show. */
  calls = $state(0);
  field: Entered = $state.raw({ entrants: [], left_out: [] });
  pictures: Float32Array | null = $state.raw(null);
  steps = $state(0);
  running: 'race' | 'reference' | null = $state(null);
  reference: Reference | null = $state.raw(null);
  distances: Float32Array | null = $state.raw(null);
  /** What a call of one sample took in the last race; 0 before there was one. */
  msPerCall = $state(0);
  /** Why there is no race. */
  refusal: string | null = $state(null);
  readonly #studio: Studio;
  #id = 0;
  #startedAt = 0;
  #names: string[] = [];
  #key = $state('');

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /**
   * How long the reference is: as it was made, or as this device has shown that it may be; `null`
   * before there was a race.
   */
  readonly referenceSteps = $derived.by(() => {
    if (this.reference?.key === this.#key) return this.reference.steps;
    if (this.msPerCall === 0) return null;
    const affordable = REFERENCE_STEPS.find((steps) => steps * this.msPerCall <= PATIENCE_MS);
    const most = this.#studio.model?.num_train_timesteps ?? MOST_STEPS;
    return Math.min(affordable ?? 25, most);
  });

  /** With as many network calls as the run makes that is on show. */
  open(): void {
    const { run, playback, page } = this.#studio;
    const made = run?.adaptive ? playback.networkCalls : run?.network_calls;
    const calls = Math.min(Math.max(made ?? page.recipe.steps, 1), MOST_STEPS);
    this.#studio.setRace({ samplers: FIRST_SAMPLERS, calls });
  }

  picture(index: number): Float32Array | null {
    const { model } = this.#studio;
    if (!model || !this.pictures) return null;
    const size = model.channels * model.height * model.width;
    return this.pictures.subarray(index * size, (index + 1) * size);
  }

  start(names: string[], calls: number): void {
    this.#names = names;
    this.calls = calls;
    this.field = { entrants: [], left_out: [] };
    this.pictures = this.distances = null;
    this.#key = this.#keyNow();
    this.#run('race', { recipes: names.map((name) => this.#recipe(name)), calls });
  }

  /** Measures how far everyone is from a long run of DDIM; made once for as many races as it fits. */
  async measure(): Promise<void> {
    const calls = this.referenceSteps;
    if (this.reference?.key === this.#key) await this.#compare();
    else if (calls !== null) {
      const recipe = { ...this.#recipe('ddim'), eta: 0, sigmas: null };
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
    this.field = { entrants: [], left_out: [] };
    this.msPerCall = 0;
  }

  receive(id: number, news: RaceNews): void {
    if (id !== this.#id || !this.running) return;
    this.steps = news.steps;
    if (this.running === 'race') {
      this.field = entered(news, this.#names);
      if (news.entrants.length > 0) this.pictures = news.pictures;
    }
    if (!news.done) return;
    if (this.running === 'race') this.#time(news);
    else this.#takeReference(news);
    this.running = null;
  }

  #time({ entrants }: RaceNews): void {
    const calls = entrants.reduce((sum, { network_calls }) => sum + network_calls, 0);
    if (calls > 0) this.msPerCall = (performance.now() - this.#startedAt) / calls;
  }

  #takeReference({ entrants, left_out, pictures }: RaceNews): void {
    const [made] = entrants;
    this.refusal = left_out[0]?.reason ?? null;
    if (!made) return;
    this.reference = { key: this.#key, steps: made.steps, values: pictures };
    void this.#compare();
  }

  refuse(message: string): void {
    this.running = null;
    this.refusal = message;
  }

  #run(kind: 'race' | 'reference', wish: Omit<RaceWish, 'sample'>): void {
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
