import type { PlanFacts, Schedules as Facts, ScheduleName, Strips } from '../engine/types';
import type { PageState } from './page-state';
import type { Studio } from './studio.svelte';

/** Schedules side by side, where the recipe's steps fall, and one picture under each of them. */
export class Schedules {
  facts: Facts | null = $state.raw(null);
  plan: PlanFacts | null = $state.raw(null);
  /** Why the recipe has no plan. */
  refusal: string | null = $state(null);
  strips: Strips | null = $state.raw(null);
  readonly #studio: Studio;
  /** Counts the plans and the strips that were asked for: an answer to an earlier one is late. */
  #planned = 0;
  #stripped = 0;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get #choice(): PageState['schedules'] {
    return this.#studio.page.schedules;
  }

  /** The picture that goes to noise: the forward process' own, or a sample until that has one. */
  readonly image = $derived.by(() => {
    const { forward, page } = this.#studio;
    return forward.image ?? forward.sample(page.forward.sample);
  });

  /** The model's schedule. */
  readonly own = $derived(this.facts?.schedules.find(({ own }) => own));
  /** The one that is looked at. */
  readonly picked = $derived.by(
    () => this.facts?.schedules.find(({ name }) => name === this.#choice.schedule) ?? this.own,
  );

  set(change: Partial<PageState['schedules']>): void {
    Object.assign(this.#choice, change);
    this.#studio.saveAddress();
  }

  pick(name: ScheduleName): void {
    this.set({ schedule: name === this.own?.name ? null : name });
  }

  clear(): void {
    this.facts = this.plan = this.strips = this.refusal = null;
    this.#planned++;
    this.#stripped++;
  }

  /** Asks for the model's curves; call it when there is another model. */
  async load(): Promise<void> {
    const { client, model } = this.#studio;
    if (!client || !model || this.facts) return;
    const facts = await client.ask({ ask: 'schedules' }).catch(() => null);
    if (this.#studio.model === model) this.facts = facts;
  }

  /** Asks where the steps fall; call it when the recipe changes. */
  async follow(): Promise<void> {
    const { client, model } = this.#studio;
    const turn = ++this.#planned;
    if (!client || !model) return;
    const recipe = this.#studio.engineRecipe();
    try {
      const plan = await client.ask({ ask: 'plan_steps', recipe });
      if (turn !== this.#planned) return;
      this.plan = plan;
      this.refusal = null;
    } catch (thrown) {
      if (turn !== this.#planned) return;
      this.plan = null;
      this.refusal = thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  /** Asks for the strips; call it when the picture, the noise or the end of the schedules changes. */
  async strip(): Promise<void> {
    const { client, page } = this.#studio;
    const x0 = this.image;
    const turn = ++this.#stripped;
    if (!client || !x0) return;
    const { noise_seed } = page.forward;
    const { rescaled } = this.#choice;
    // A copy of the one picture: a part of an array would be sent with all of it.
    const question = { ask: 'strips', x0: x0.slice(), noise_seed, rescaled } as const;
    const strips = await client.ask(question).catch(() => null);
    if (turn === this.#stripped) this.strips = strips;
  }
}
