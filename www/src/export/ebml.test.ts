import { expect, test } from 'vitest';
import { block, encode, float, text, uint } from './ebml';

test('an element is its identifier, its length, and what it holds', () => {
  const bytes = encode([[0x4286, uint(1)]]);
  expect([...bytes]).toEqual([0x42, 0x86, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
});

test('elements hold elements', () => {
  const inner = encode([[0x83, uint(1)]]);
  const outer = encode([[0x1654ae6b, [[0x83, uint(1)]]]]);
  expect([...outer.subarray(0, 4)]).toEqual([0x16, 0x54, 0xae, 0x6b]);
  expect(outer[11]).toBe(inner.length);
  expect([...outer.subarray(12)]).toEqual([...inner]);
});

test('numbers are big-endian', () => {
  expect([...uint(1_000_000)]).toEqual([0, 0x0f, 0x42, 0x40]);
  expect([...float(1)]).toEqual([0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
  expect([...text('ab')]).toEqual([97, 98]);
});

test('a block says its track, its time and whether it is a key frame', () => {
  expect([...block(Uint8Array.of(9), 1500, true)]).toEqual([0x81, 0x05, 0xdc, 0x80, 9]);
  expect(block(Uint8Array.of(9), 0, false)[3]).toBe(0);
});
