import { problemOf, type Problem } from './protocol';

/** A device that is lost again so soon would be lost for ever. */
const SOON_MS = 60_000;
/** A device may refuse its work this long before it says that it is gone. */
const GRACE_MS = 1000;

/** What is done about a device that was lost: a new one is built, once. */
export class Recovery {
  readonly #rebuild: () => Promise<void>;
  readonly #fail: (problem: Problem) => void;
  #lostAt = -Infinity;
  #rebuilding: Promise<void> | null = null;
  #afterwards: (() => void)[] = [];

  constructor(rebuild: () => Promise<void>, fail: (problem: Problem) => void) {
    this.#rebuild = rebuild;
    this.#fail = fail;
  }

  /** The device is gone. */
  begin(): void {
    const soon = performance.now() - this.#lostAt < SOON_MS;
    this.#lostAt = performance.now();
    if (soon) {
      this.#fail({ name: 'DeviceLost', message: 'It was lost twice within a minute.' });
      return;
    }
    this.#rebuilding = this.#rebuild().then(
      () => {
        this.#rebuilding = null;
        const waiting = this.#afterwards;
        this.#afterwards = [];
        for (const work of waiting) work();
      },
      (thrown: unknown) => {
        this.#fail(problemOf(thrown));
      },
    );
  }

  /** Does it now, or when the new device is there. */
  when(work: () => void): void {
    if (this.#rebuilding) this.#afterwards.push(work);
    else work();
  }

  /** Work failed for want of a device; its loss is told as well, if not yet. */
  expect(problem: Problem, again?: () => void): void {
    if (again) this.#afterwards.push(again);
    if (this.#rebuilding) return;
    setTimeout(() => {
      const told = this.#rebuilding || performance.now() - this.#lostAt <= 2 * GRACE_MS;
      if (!told) this.#fail(problem);
    }, GRACE_MS);
  }
}
