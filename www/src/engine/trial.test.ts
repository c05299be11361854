import { beforeEach, describe, expect, it } from 'vitest';
import { ShaderTrial, type Bench, type Found } from './trial';
import type { Trial } from './protocol';

const FOUND: Trial = { model: 'digits', gpu_ms: 170, cpu_ms: 16 };
const bench: Bench = {
  engine: { stretch: () => Promise.resolve(new Float64Array()) },
  model: { name: 'digits', weights: new Map() },
  work: () => 0,
};

/** Trials that were begun, in order, each to be answered by hand. */
let begun: { resolve: (trial: Trial | undefined) => void; reject: (reason: Error) => void }[];
let told: Found[];

const trialOf = (due: boolean) =>
  new ShaderTrial(
    due,
    () => new Promise((resolve, reject) => begun.push({ resolve, reject })),
    (found) => told.push(found),
  );

beforeEach(() => {
  begun = [];
  told = [];
});

describe('the trial of the shaders', () => {
  it('is made once, when the engine rests', async () => {
    const trial = trialOf(true);
    expect(begun).toHaveLength(0);
    trial.rest(bench);
    trial.rest(bench);
    expect(begun).toHaveLength(1);
    let over = false;
    const waiting = trial.over.then(() => (over = true));
    await Promise.resolve();
    expect(over).toBe(false);
    begun[0]?.resolve(FOUND);
    await waiting;
    expect(told).toEqual([{ trial: FOUND }]);
    trial.rest(bench);
    expect(begun).toHaveLength(1);
  });

  it('is made again where it was disturbed', async () => {
    const trial = trialOf(true);
    trial.rest(bench);
    begun[0]?.resolve(undefined);
    await trial.over;
    expect(told).toEqual([]);
    trial.rest(bench);
    begun[1]?.resolve(FOUND);
    await trial.over;
    expect(told).toEqual([{ trial: FOUND }]);
  });

  it('tells what the browser is short of, and nothing of other trouble', async () => {
    for (const [name, expected] of [
      ['NoDevice', [{ lack: { name: 'NoDevice', message: 'odd limits' } }]],
      ['DeviceLost', []],
    ] as const) {
      told = [];
      begun = [];
      const trial = trialOf(true);
      trial.rest(bench);
      begun[0]?.reject(Object.assign(new Error('odd limits'), { name }));
      await trial.over;
      expect(told).toEqual(expected);
      trial.rest(bench);
      expect(begun).toHaveLength(1);
    }
  });

  it('is not made where nothing is to be tried', () => {
    trialOf(false).rest(bench);
    expect(begun).toHaveLength(0);
  });
});
