import type { ChainMoment, ForwardFacts, Histogram, RunFacts } from '../engine/types';
import { resample } from './drawing';
import { Microscope } from './microscope.svelte';
import { Newest } from './newest';
import { LARGEST_SEED, type ForwardSource, type PageState } from './page-state';
import { inverted, parsePicture, pictureOf, pictureText, valuesOf, type Picture } from './picture';
import type { Studio } from './studio.svelte';
import { hasBrightEdge, seen, type Original } from './upload';

/** A source whose picture is the visitor's own, and travels in the link. */
export type OwnSource = Exclude<ForwardSource, 'sample'>;

/** The forward process: an image, a timestep, a noise, and what the engine made of them. */
export class Forward {
  facts: ForwardFacts | null = $state.raw(null);
  /** How the values of the closed form's x_t are spread. */
  spread: Histogram | null = $state.raw(null);
  /** x_t as the chain of single steps makes it. */
  chain: ChainMoment | null = $state.raw(null);
  /** The finished samples of the current run, NCHW, one after the other. */
  samples: Float32Array | null = $state.raw(null);
  readonly pictures: Record<OwnSource, Picture | null> = $state({
    drawing: null,
    file: null,
    camera: null,
  });
  /** Counts the drawings that came from elsewhere than the pad: it has to take them over. */
  arrivals = $state(0);
  readonly inverts: Record<OwnSource, boolean> = $state({
    drawing: false,
    file: false,
    camera: false,
  });
  readonly microscope: Microscope;
  readonly #studio: Studio;
  readonly #moments = new Newest();
  readonly #originals: Record<OwnSource, Original | null> = {
    drawing: null,
    file: null,
    camera: null,
  };
  #sentImage: Float32Array | null = null;
  #sampledRun: RunFacts | null = null;

  constructor(studio: Studio) {
    this.#studio = studio;
    this.microscope = new Microscope(studio);
  }

  get #choice(): PageState['forward'] {
    return this.#studio.page.forward;
  }

  /** x₀, as the model sees it. */
  readonly image = $derived.by(() => {
    const { source, sample } = this.#choice;
    if (source === 'sample') return this.sample(sample);
    const picture = this.pictures[source];
    return picture && valuesOf(picture);
  });

  /** Values of one picture of the model. */
  get size(): number {
    const { channels, height, width } = this.#studio.model ?? { channels: 0, height: 0, width: 0 };
    return channels * height * width;
  }

  /** The seed of the noise at this t. */
  readonly seed = $derived.by(() => {
    const { timestep, noise_seed, fresh } = this.#choice;
    return fresh ? (noise_seed + timestep) % (LARGEST_SEED + 1) : noise_seed;
  });

  sample(index: number): Float32Array | null {
    const { size } = this;
    return this.samples && this.samples.subarray(index * size, (index + 1) * size);
  }

  set(change: Partial<PageState['forward']>): void {
    Object.assign(this.#choice, change);
    if (change.source) this.#keepText();
    if (change.source === 'sample') this.#studio.playback.finish();
    this.#studio.saveAddress();
  }

  newNoise(): void {
    this.set({ noise_seed: Math.floor(Math.random() * (LARGEST_SEED + 1)) });
  }

  /** Another model: what its samples are is not known yet. */
  clear(): void {
    this.facts = this.samples = this.spread = this.chain = null;
    this.#sentImage = this.#sampledRun = null;
    this.microscope.clear();
  }

  /**
   * Takes the pictures over to the model that is open, and the one of the link. Returns whether
   * that one could be read.
   */
  fit(): boolean {
    const { model } = this.#studio;
    const { source, picture: text } = this.#choice;
    if (!model) return true;
    for (const own of ['drawing', 'file', 'camera'] as const) {
      const original = this.#originals[own];
      if (original) this.#see(own, original);
      else if (this.pictures[own]?.length !== this.size) this.pictures[own] = null;
    }
    this.arrivals++;
    if (source === 'sample' || !text) {
      this.#keepText();
      return true;
    }
    const picture = parsePicture(text, this.size);
    if (picture) {
      this.pictures[source] = picture;
      this.inverts[source] = false;
      this.#originals[source] = null;
    }
    this.#keepText();
    return picture !== null;
  }

  setInk(ink: Uint8ClampedArray | null): void {
    const { model } = this.#studio;
    const values = ink && model ? resample(ink, model) : null;
    this.#put('drawing', values && pictureOf(values));
  }

  /** A picture from a file or the camera; dark ink on a bright ground is inverted for grey models. */
  take(source: 'file' | 'camera', original: Original): void {
    this.#originals[source] = original;
    this.pictures[source] = null;
    this.#see(source, original);
    this.set({ source });
  }

  invert(source: OwnSource): void {
    const { model } = this.#studio;
    const picture = this.pictures[source];
    if (!model || !picture) return;
    this.inverts[source] = !this.inverts[source];
    this.#put(source, inverted(picture, model.width, model.height, model.pad));
  }

  #see(source: OwnSource, original: Original): void {
    const { model } = this.#studio;
    if (!model) return;
    const picture = seen(original, model);
    const { channels, width, height, pad } = model;
    const grey = channels === 1;
    if (!this.pictures[source]) this.inverts[source] = grey && hasBrightEdge(picture, model);
    const inverts = grey && this.inverts[source];
    this.pictures[source] = inverts ? inverted(picture, width, height, pad) : picture;
  }

  #put(source: OwnSource, picture: Picture | null): void {
    this.pictures[source] = picture;
    this.#keepText();
    this.#studio.saveAddress();
  }

  #keepText(): void {
    const { source } = this.#choice;
    const picture = source === 'sample' ? null : this.pictures[source];
    this.#choice.picture = picture ? pictureText(picture) : '';
  }

  /** Reads the samples of a run that has ended; call it when that changes. */
  async takeSamples(): Promise<void> {
    const { run } = this.#studio;
    const { ended, steps } = this.#studio.playback;
    if (!run || !ended || run === this.#sampledRun) return;
    this.#sampledRun = run;
    this.#sentImage = this.samples = null;
    // Another run may take the place of this one before it answers.
    const samples = await this.#studio.pixels('x_t', steps).catch(() => null);
    if (this.#studio.run === run) this.samples = samples;
  }

  /** Tells an engine that has another picture, or none, what it was. */
  resend(): void {
    this.#sentImage = null;
    if (this.#studio.page.station === 'forward') this.show();
  }

  /** Back to a picture from this x_t: SDEdit (Meng et al. 2021), where the picture is a drawing. */
  reverse(): void {
    if (!this.image) return;
    const { timestep } = this.#choice;
    const picture = pictureText(pictureOf(this.image));
    this.#studio.startFrom({ timestep, noise_seed: this.seed, picture });
  }

  /** Tells the engine what to show; call it when the image, t or the noise changes. */
  show(): void {
    const { client } = this.#studio;
    const { timestep, noise_seed } = this.#choice;
    const image = this.image;
    if (!client || !image) return;
    if (image !== this.#sentImage) {
      this.#sentImage = image;
      client.post({ type: 'forward_image', values: image });
    }
    client.post({ type: 'forward', timestep, noise_seed: this.seed });
    void this.#moments.do(async () => {
      const [chain, spread] = await Promise.all([
        client.ask({ ask: 'chain', timestep, noise_seed }),
        client.ask({ ask: 'histogram', surface: 'forward', frame: 0 }),
      ]);
      if (this.image) Object.assign(this, { chain, spread });
    });
    this.microscope.rest();
  }
}
