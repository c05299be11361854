/** Does one thing at a time: of those that come meanwhile only the newest is done after it. */
export class Newest {
  #next: (() => Promise<void>) | null = null;
  #busy = false;

  /** Resolves when nothing is left to do. What fails is left at that. */
  async do(work: () => Promise<void>): Promise<void> {
    this.#next = work;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#next) {
      const next: () => Promise<void> = this.#next;
      this.#next = null;
      await next().catch(() => undefined);
    }
    this.#busy = false;
  }
}
