import type { Moment } from '../engine/types';
import type { Studio } from './studio.svelte';

/** A pixel of one sample. */
export interface Cursor {
  sample: number;
  x: number;
  y: number;
}

/** What is under the cursor, and what the moment is in numbers. */
export class Inspector {
  /** Where a pointer is, or where the pixel's fields say. */
  cursor: Cursor | null = $state.raw(null);
  moment: Moment | null = $state.raw(null);
  /** The variance of x̂₀ over a fan's samples, of every pixel. */
  variance: Float32Array | null = $state.raw(null);
  readonly #studio: Studio;
  #asking = false;
  #again = false;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The sample whose numbers are shown. */
  readonly sample = $derived.by(() => this.cursor?.sample ?? this.#studio.page.focus);

  /** Whether the batch is a fan: ways on from one sample. */
  readonly isFan = $derived.by(() => this.#studio.run?.origin?.spread != null);

  /** The four values of a lens at the cursor, one for each channel. */
  at(values: Float32Array): number[] {
    const { model } = this.#studio;
    if (!model || !this.cursor) return [];
    const { x, y } = this.cursor;
    const area = model.width * model.height;
    return Array.from(
      { length: model.channels },
      (_, channel) => values[channel * area + y * model.width + x] ?? NaN,
    );
  }

  clear(): void {
    this.moment = this.variance = null;
  }

  /** Reads the moment that is shown, one at a time: the newest wins. */
  async look(): Promise<void> {
    const { client, run } = this.#studio;
    const { frame } = this.#studio.playback;
    if (!client || !run || run.branches.length === 0) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    const { sample } = this;
    const samples = this.#studio.page.recipe.batch;
    const channels = this.#studio.model?.channels ?? 1;
    try {
      const [moment, variance] = await Promise.all([
        client.ask({ ask: 'moment', frame, sample: Math.min(sample, run.columns * run.rows - 1) }),
        this.isFan
          ? client.ask({ ask: 'variance', lens: 'x0_hat', frame, samples, channels })
          : null,
      ]);
      if (this.#studio.run === run) Object.assign(this, { moment, variance });
    } catch {
      // The run was replaced: the next one's moments come.
    }
    this.#asking = false;
    if (this.#again) {
      this.#again = false;
      void this.look();
    }
  }
}
