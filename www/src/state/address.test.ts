import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Address } from './address';
import { withBesideLink } from './beside-link';
import { defaultState, parseHash } from './page-state';

/** Longer than a link has room for. */
const LONG = 'A'.repeat(64_001);

interface Entry {
  hash: string;
  state: unknown;
}
let entries: Entry[];
let at: number;
let writes: number;

/** A browser's history, as far as a page writes it. */
const history = {
  get state() {
    return entries[at]?.state;
  },
  replaceState(state: unknown, _: string, hash: string) {
    writes++;
    entries[at] = { hash, state: structuredClone(state) };
  },
  pushState(state: unknown, title: string, hash: string) {
    at++;
    this.replaceState(state, title, hash);
  },
};
const location = {
  get hash() {
    return entries[at]?.hash ?? '';
  },
};
const read = () => withBesideLink(parseHash(location.hash, ['small']).state, history.state);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('history', history);
  vi.stubGlobal('location', location);
  [entries, at, writes] = [[{ hash: '', state: null }], 0, 0];
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('pictures that a link has no room for come back with Back and Forward', () => {
  const address = new Address();
  const drawing = defaultState('small');
  drawing.station = 'forward';
  drawing.forward = { ...drawing.forward, source: 'drawing', picture: LONG };
  address.write(drawing);
  vi.advanceTimersByTime(300);
  const start = { timestep: 600, noise_seed: 1, picture: LONG };
  const back = { ...defaultState('small'), start };
  address.push(back);

  expect(location.hash).not.toContain('AAAA');
  expect(read().start).toEqual(start);
  at = 0;
  expect(read()).toEqual(drawing);
  at = 1;
  expect(read().start).toEqual(start);
});

test('a link that has room for its picture, or is from elsewhere, stands alone', () => {
  const address = new Address();
  const start = { timestep: 600, noise_seed: 1, picture: LONG.slice(1) };
  address.push({ ...defaultState('small'), start });
  expect(JSON.stringify(history.state)).not.toContain('AAAA');
  entries[at] = { hash: '#reverse?seed=3', state: null };
  expect(read()).toEqual(parseHash('#reverse?seed=3', ['small']).state);
});

test('another picture under the same address is written, the same one is not', () => {
  const address = new Address();
  const write = (picture: string) => {
    address.write({ ...defaultState('small'), start: { timestep: 600, noise_seed: 1, picture } });
    vi.advanceTimersByTime(300);
  };
  write(LONG);
  write(LONG);
  expect(writes).toBe(1);
  const { hash } = location;
  write(`${LONG}B`);
  expect([writes, location.hash]).toEqual([2, hash]);
  expect(read().start?.picture).toBe(`${LONG}B`);
});

test('what waits to be written is not written to a page that was gone back to', () => {
  const address = new Address();
  address.push(defaultState('small'));
  const changed = defaultState('small');
  changed.recipe.seed = 99;
  address.write(changed);
  at = 0;
  address.forget();
  vi.advanceTimersByTime(1000);
  address.flush();
  expect(location.hash).toBe('');
});
