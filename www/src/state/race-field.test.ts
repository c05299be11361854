import { describe, expect, it } from 'vitest';
import { entered, leftOutNote } from './race-field';

const TITLES: Record<string, string> = { pndm: 'PNDM', heun: 'Heun', rk45: 'RK45', ddim: 'DDIM' };
const title = (name: string) => TITLES[name] ?? name;
const pndm = { recipe: 0, least_calls: 13, reason: 'PNDM needs 4 steps or more' };
const rk45 = { recipe: 1, least_calls: null, reason: 'it is adaptive' };
const ddim = { recipe: 2, steps: 10, network_calls: 10 };
const NAMES = ['pndm', 'rk45', 'ddim'];

describe('the field of a race', () => {
  it('is known by name', () => {
    const field = entered({ entrants: [ddim], left_out: [pndm] }, NAMES);
    expect(field.entrants).toEqual([{ ...ddim, name: 'ddim' }]);
    expect(field.left_out).toEqual([{ ...pndm, name: 'pndm' }]);
  });

  it('says who is left out, and what each would need', () => {
    const field = entered({ entrants: [ddim], left_out: [pndm, rk45] }, NAMES);
    expect(leftOutNote(field, 10, title)).toBe(
      'Left out: PNDM needs 13 calls, RK45 (it is adaptive).',
    );
  });

  it('says so where nobody is left', () => {
    const field = entered(
      { entrants: [], left_out: [pndm, { ...pndm, recipe: 1, least_calls: 3 }] },
      ['pndm', 'heun'],
    );
    expect(leftOutNote(field, 2, title)).toBe(
      'None of these can do with 2: PNDM needs 13 calls, Heun needs 3 calls.',
    );
  });

  it('is silent where all are in', () => {
    expect(leftOutNote(entered({ entrants: [ddim], left_out: [] }, NAMES), 10, title)).toBeNull();
  });
});
