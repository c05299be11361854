import type { ClassLabel, Look } from '../engine/types';
import type { Studio } from './studio.svelte';

/** The slider rests when it has not moved for so long. */
const REST_MS = 200;

/** What the network makes of the x_t that the forward station shows. */
export class Microscope {
  /** Of the latest x_t that was looked at. */
  look: Look | null = $state.raw(null);
  /** The one on show is of an x_t that has changed since. */
  stale = $state(true);
  readonly #studio: Studio;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #glance = 0;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The class that it asks for; a sample is asked for as it was made. */
  readonly label: ClassLabel = $derived.by(() => {
    const { recipe, forward } = this.#studio.page;
    if (recipe.class_label !== 'each') return recipe.class_label;
    const classes = this.#studio.model?.class_names?.length ?? 0;
    return forward.source === 'sample' && classes > 0 ? forward.sample % classes : null;
  });

  /** What it asks for, as text: it changes when that does. */
  readonly wish = $derived.by(() => {
    const { attributes, guidance_scale, guidance_interval } = this.#studio.page.recipe;
    return JSON.stringify([this.label, attributes, guidance_scale, guidance_interval]);
  });

  /** Looks when all has come to rest; call it when x_t changes, or what is asked for. */
  rest(): void {
    this.stale = true;
    this.#glance++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#lookNow(this.#glance);
    }, REST_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#glance++;
    this.look = null;
    this.stale = true;
  }

  async #lookNow(glance: number): Promise<void> {
    const { client, model } = this.#studio;
    if (!client || !model) return;
    const recipe = { ...this.#studio.engineRecipe(), batch: 1, class_label: this.label };
    const look = await client.ask({ ask: 'look', recipe }).catch(() => null);
    if (glance !== this.#glance) return;
    this.look = look;
    this.stale = look === null;
  }
}
