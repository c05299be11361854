import type { EngineWish, Trial } from '../engine/protocol';
import type { Preference } from '../engine/engines';

const WISH = 'reverie-engine';
const TRIALS = 'reverie-engine-trials';

export const ENGINES: readonly EngineWish[] = ['auto', 'gpu', 'cpu'];

/** Storage may be denied: then every visit begins anew, and nothing else changes. */
function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}

/** `?engine=cpu` or `gpu` before the `#` is for this visit; else what was chosen here before. */
export function engineWish(): EngineWish {
  const asked = new URLSearchParams(location.search).get('engine') ?? stored(WISH);
  return ENGINES.find((wish) => wish === asked) ?? 'auto';
}

function trials(): Record<string, Trial> {
  try {
    return JSON.parse(stored(TRIALS) ?? '{}') as Record<string, Trial>;
  } catch {
    return {};
  }
}

export const enginePreference = (): Preference => ({ wish: engineWish(), trials: trials() });

/** One at a time: another adapter or another version of the page makes the last one worthless. */
export function keepTrial(key: string, trial: Trial): void {
  store(TRIALS, JSON.stringify({ [key]: trial }));
}

/**
 * The canvases belong to the engine that is there, so that another one comes with the page loaded
 * anew; the address keeps the run.
 */
export function chooseEngine(wish: EngineWish): void {
  store(WISH, wish);
  const address = new URL(location.href);
  address.searchParams.delete('engine');
  // Where nothing can be stored the address has to say it.
  if (stored(WISH) !== wish) address.searchParams.set('engine', wish);
  history.replaceState(history.state, '', address);
  location.reload();
}
