import { expect, test } from 'vitest';
import { Upload } from './upload';

const DATA = Uint8Array.from([1, 2, 3, 4, 5]);

/** An engine that remembers what it was given; it refuses a byte. */
function engine(refused?: number) {
  const given: number[] = [];
  return {
    given,
    expect: () => 7,
    receive: (_: number, bytes: Uint8Array) => {
      if (refused !== undefined && bytes.includes(refused)) throw new Error('no');
      given.push(...bytes);
    },
  };
}

test('what has come before the engine is there is given with the rest, once', () => {
  const upload = new Upload();
  const to = engine();
  upload.arrive(DATA, 2);
  expect(upload.networkFor(to)).toBeUndefined();
  upload.begin(to, '{}');
  expect(to.given).toEqual([1, 2]);
  upload.arrive(DATA, 2);
  upload.arrive(DATA, 5);
  expect(to.given).toEqual([1, 2, 3, 4, 5]);
  expect(upload.networkFor(to)).toBe(7);
  expect(upload.networkFor(engine())).toBeUndefined();
});

test('after a refusal nothing more is given, and the file is to be loaded as a whole', () => {
  const upload = new Upload();
  const to = engine(3);
  upload.begin(to, '{}');
  upload.arrive(DATA, 2);
  upload.arrive(DATA, 4);
  upload.arrive(DATA, 5);
  expect(to.given).toEqual([1, 2]);
  expect(upload.networkFor(to)).toBeUndefined();
});
