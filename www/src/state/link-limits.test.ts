import { expect, test } from 'vitest';
import { linkLimits } from './link-limits';
import { OWN } from './own-model';
import { defaultState, formatHash } from './page-state';

const LONG = 'A'.repeat(64_001);

test('a link carries all of what is shown at first', () => {
  expect(linkLimits(defaultState('digits'))).toEqual([]);
});

test('what is said to be left out is left out', () => {
  const state = defaultState(OWN);
  state.station = 'forward';
  state.start = { timestep: 600, noise_seed: 1, picture: LONG };
  state.forward.source = 'drawing';
  state.forward.picture = LONG;
  expect(linkLimits(state)).toHaveLength(3);
  expect(formatHash(state)).not.toContain('AAAA');
});

test('a picture that is short enough stays', () => {
  const state = defaultState('digits');
  state.station = 'forward';
  state.forward.source = 'file';
  state.forward.picture = LONG.slice(1);
  expect(linkLimits(state)).toEqual([]);
  expect(formatHash(state)).toContain(state.forward.picture);
});
