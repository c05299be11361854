import katex from 'katex';
import { describe, expect, it } from 'vitest';
import type { Row } from '../engine/types';
import { formula, texNumber } from './formula';

const ddim: Row = {
  input: 'x',
  timestep: 499,
  guidance_scale: 2,
  assigns: [
    {
      to: 'x',
      terms: [
        ['x0_hat', 0.75],
        ['eps_hat', -0.5],
      ],
      noise: 0.25,
    },
  ],
  langevin: false,
};

describe('a step’s formula', () => {
  it('has its numbers', () => {
    const tex = formula([ddim]);
    expect(tex).toContain(String.raw`t{=}499,\;s{=}2)`);
    expect(tex).toContain(
      String.raw`x &\leftarrow 0.7500\,\htmlClass{estimate}{\hat x_0}-0.5000\,`,
    );
    expect(tex).toContain(String.raw`+0.2500\,\htmlClass{noise}{z}`);
  });

  it('is what KaTeX can set, of any step', () => {
    const scaled: Row = {
      input: null,
      timestep: null,
      guidance_scale: null,
      assigns: [{ to: 'saved', terms: [['h3', 20291.3]], noise: 0 }],
      langevin: true,
    };
    for (const rows of [[ddim], [scaled, ddim], Array<Row>(12).fill(ddim), []]) {
      const html = katex.renderToString(formula(rows), { trust: true, strict: false });
      expect(html).toContain('katex');
    }
    expect(formula(Array<Row>(12).fill(ddim))).toContain('16 more');
  });

  it.each([
    [0, '0.0000'],
    [12.345, '12.35'],
    [-0.00002, String.raw`-2.00\cdot10^{-5}`],
    [20291.34, '20291.3'],
  ])('writes %f with four digits or so', (value, text) => {
    expect(texNumber(value)).toBe(text);
  });
});
