import { formatHash, type PageState } from './page-state';

/** Safari limits how often an address may change. */
const THROTTLE_MS = 300;

/** Keeps the address in step with the state. */
export class Address {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #latest = '';

  write(state: PageState): void {
    this.#latest = formatHash(state);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, THROTTLE_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#latest && this.#latest !== location.hash) {
      history.replaceState(null, '', this.#latest);
    }
  }

  /** Another station is a step in the browser's history. */
  push(state: PageState): void {
    this.flush();
    this.#latest = formatHash(state);
    history.pushState(null, '', this.#latest);
  }
}
