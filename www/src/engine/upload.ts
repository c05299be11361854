import type { Engine } from './types';

type Receiver = Pick<Engine, 'expect' | 'receive'>;

/**
 * Hands a network's weights to an engine while they still come. What it says against them is not told:
 * whether they are what they should be is known when all have come, and then it can say so again.
 */
export class Upload {
  #to: { engine: Receiver; network: number } | undefined;
  #data = new Uint8Array();
  #there = 0;
  #given = 0;

  /** The first bytes of `data` are there. */
  arrive(data: Uint8Array<ArrayBuffer>, there: number): void {
    this.#data = data;
    this.#there = there;
    this.#give();
  }

  /** From now on, with all that has come so far. */
  begin(engine: Receiver, config: string): void {
    this.#attempt(() => {
      this.#to = { engine, network: engine.expect(config) };
    });
    this.#give();
  }

  /** The number by which an engine knows the network, if it has been given all that has come. */
  networkFor(engine: unknown): number | undefined {
    return this.#to?.engine === engine && this.#given > 0 ? this.#to?.network : undefined;
  }

  #give(): void {
    const to = this.#to;
    if (!to || this.#given === this.#there) return;
    const next = this.#data.subarray(this.#given, this.#there);
    this.#given = this.#there;
    this.#attempt(() => {
      to.engine.receive(to.network, next);
    });
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch {
      this.#to = undefined;
    }
  }
}
