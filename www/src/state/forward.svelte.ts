import type { ForwardFacts, RunFacts } from '../engine/types';
import { resample } from './drawing';
import { LARGEST_SEED, type PageState } from './page-state';
import type { Studio } from './studio.svelte';

/** The forward process: an image, a timestep, a noise, and what the engine made of them. */
export class Forward {
  facts: ForwardFacts | null = $state.raw(null);
  /** The finished samples of the current run, NCHW, one after the other. */
  samples: Float32Array | null = $state.raw(null);
  drawing: Float32Array | null = $state.raw(null);
  readonly #studio: Studio;
  #sentImage: Float32Array | null = null;
  #sampledRun: RunFacts | null = null;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get #choice(): PageState['forward'] {
    return this.#studio.page.forward;
  }

  /** x₀, as the model sees it. */
  readonly image = $derived.by(() =>
    this.#choice.source === 'drawing' ? this.drawing : this.sample(this.#choice.sample),
  );

  sample(index: number): Float32Array | null {
    const { model } = this.#studio;
    if (!model || !this.samples) return null;
    const size = model.channels * model.height * model.width;
    return this.samples.subarray(index * size, (index + 1) * size);
  }

  set(change: Partial<PageState['forward']>): void {
    Object.assign(this.#choice, change);
    if (change.source === 'sample') this.#studio.finish();
    this.#studio.saveAddress();
  }

  newNoise(): void {
    this.set({ noise_seed: Math.floor(Math.random() * (LARGEST_SEED + 1)) });
  }

  /** Another model: its pictures are of another size. */
  clear(): void {
    this.facts = this.samples = this.drawing = null;
    this.#sentImage = this.#sampledRun = null;
  }

  setInk(ink: Uint8ClampedArray | null): void {
    const { model } = this.#studio;
    this.drawing = ink && model ? resample(ink, model) : null;
  }

  /** Reads the samples of a run that has ended; call it when that changes. */
  async takeSamples(): Promise<void> {
    const { run, ended, steps } = this.#studio;
    if (!run || !ended || run === this.#sampledRun) return;
    this.#sampledRun = run;
    this.#sentImage = this.samples = null;
    // Another run may take the place of this one before it answers.
    const samples = await this.#studio.pixels('x_t', steps).catch(() => null);
    if (this.#studio.run === run) this.samples = samples;
  }

  /** Tells a new engine, which has nothing of the old one, what it was. */
  resend(): void {
    this.#sentImage = null;
    this.show();
  }

  /** Tells the engine what to show; call it when the image, t or the noise changes. */
  show(): void {
    const { client } = this.#studio;
    const { timestep, noise_seed, fresh } = this.#choice;
    const image = this.image;
    if (!client || !image) return;
    if (image !== this.#sentImage) {
      this.#sentImage = image;
      client.post({ type: 'forward_image', values: image });
    }
    const seed = fresh ? (noise_seed + timestep) % (LARGEST_SEED + 1) : noise_seed;
    client.post({ type: 'forward', timestep, noise_seed: seed });
  }
}
