import { besideLink, type BesideLink } from './beside-link';
import { formatHash, type PageState } from './page-state';

/** Safari limits how often an address may change. */
const THROTTLE_MS = 300;

interface Entry {
  hash: string;
  beside: BesideLink;
}

const entryOf = (state: PageState): Entry => ({
  hash: formatHash(state),
  beside: besideLink(state),
});

/** Keeps the address in step with the state, and beside it what it has no room for. */
export class Address {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #latest: Entry | null = null;

  write(state: PageState): void {
    this.#latest = entryOf(state);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, THROTTLE_MS);
  }

  flush(): void {
    const latest = this.#latest;
    this.forget();
    if (!latest) return;
    const same = JSON.stringify(latest.beside) === JSON.stringify(history.state);
    if (same && latest.hash === location.hash) return;
    history.replaceState(latest.beside, '', latest.hash);
  }

  /** What waits to be written is of a page that was left: another one has its place. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#latest = null;
  }

  /** Another station is a step in the browser's history. */
  push(state: PageState): void {
    this.flush();
    const { hash, beside } = entryOf(state);
    history.pushState(beside, '', hash);
  }
}
