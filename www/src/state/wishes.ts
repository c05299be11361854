import type { PageRoute } from './forks';

interface Wish {
  generation: number;
  /** Where it leads; `null` where the engine refused it. */
  route: PageRoute | null;
}

/**
 * What was asked of the engine, until something later is there. It answers in order, so that what
 * it says of an earlier wish is true even where the page has gone on.
 */
export class Wishes {
  #asked: Wish[] = [];
  #answered = 0;

  /** Asks for another run: what was asked of the last one goes with it. */
  askAnew(generation: number, route: PageRoute): void {
    this.#asked = [];
    this.ask(generation, route);
  }

  ask(generation: number, route: PageRoute): void {
    this.#asked.push({ generation, route });
  }

  /** Whether the latest one is still on its way. */
  get awaited(): boolean {
    return (this.#asked.at(-1)?.generation ?? 0) > this.#answered;
  }

  /** The engine is there; `undefined` for what is no longer waited for. */
  arrive(generation: number): Wish['route'] | undefined {
    this.#asked = this.#asked.filter((wish) => wish.generation >= generation);
    this.#answered = Math.max(this.#answered, generation);
    return this.#asked.find((wish) => wish.generation === generation)?.route;
  }

  /** It leads nowhere: what the engine says of it is where it was before. */
  refuse(generation: number): void {
    this.#answered = Math.max(this.#answered, generation);
    const refused = this.#asked.find((wish) => wish.generation === generation);
    if (refused) refused.route = null;
  }

  clear(): void {
    this.#asked = [];
  }
}
