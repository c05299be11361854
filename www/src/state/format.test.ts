import { describe, expect, it } from 'vitest';
import { compact } from './format';

describe('compact', () => {
  it.each([
    [0, '0.00'],
    [-0.4, '−0.40'],
    [1.234, '1.23'],
    [12.34, '12.3'],
    [380, '380'],
    [0.00012, '1.2·10⁻⁴'],
    [-123456, '−1.2·10⁵'],
    [Infinity, '∞'],
    [-Infinity, '−∞'],
    [NaN, '–'],
  ])('%d is %s', (value, text) => {
    expect(compact(value)).toBe(text);
  });
});
