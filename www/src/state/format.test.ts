import { describe, expect, it } from 'vitest';
import { compact, networkCalls } from './format';

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

describe('network calls', () => {
  const of = (adaptive: boolean) => ({ network_calls: 19, adaptive });

  it('are known ahead but for adaptive methods', () => {
    expect(networkCalls(of(false), 3, false)).toBe('19 network calls');
    expect(networkCalls(of(true), 31, false)).toBe('31 network calls so far');
    expect(networkCalls(of(true), 55, true)).toBe('55 network calls');
  });
});
