import { describe, expect, it } from 'vitest';
import { compact, networkCalls, power, significant } from './format';

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

describe('significant', () => {
  it.each([
    [0, '0'],
    [1, '1'],
    [0.0683, '0.0683'],
    [-2.4666, '−2.47'],
    [128.4, '128'],
    [2.4e-9, '2.4·10⁻⁹'],
    [24123, '24123'],
    [-Infinity, '−∞'],
    [NaN, '–'],
  ])('%d is %s', (value, text) => {
    expect(significant(value)).toBe(text);
  });
});

it('powers of ten are plain where that is short', () => {
  expect([-10, -2, 0, 2, 3].map(power)).toEqual(['10⁻¹⁰', '0.01', '1', '100', '10³']);
});

describe('network calls', () => {
  const of = (adaptive: boolean) => ({ network_calls: 19, adaptive });

  it('are known ahead but for adaptive methods', () => {
    expect(networkCalls(of(false), 3, false)).toBe('19 network calls');
    expect(networkCalls(of(true), 31, false)).toBe('31 network calls so far');
    expect(networkCalls(of(true), 55, true)).toBe('55 network calls');
  });
});
