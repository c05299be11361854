import { describe, expect, it } from 'vitest';
import type { Chosen } from '../engine/protocol';
import { cpuNote } from './engine-note';

const chosen: Chosen = { kind: 'cpu', wish: 'auto', lack: null, trial: null };

describe('the note of the CPU', () => {
  it('says what this browser is short of, and what to do', () => {
    const lack = { name: 'NoWebGpu', message: 'none here' };
    const note = cpuNote({ ...chosen, lack }, 'firefox');
    expect(note?.title).toBe('This browser has no WebGPU: Reverie computes on the CPU.');
    expect(note?.reason).toBe('none here');
    expect(note?.todo.join()).toContain('about:config');
  });

  it('says what was measured', () => {
    const note = cpuNote({ ...chosen, trial: { gpu_ms: 170, cpu_ms: 16 } }, 'chrome');
    expect(note?.reason).toContain('170 ms a pass');
    expect(note?.reason).toContain('16 ms');
  });

  it('is silent where it was asked for, and where a GPU computes', () => {
    expect(cpuNote({ ...chosen, wish: 'cpu' }, 'chrome')).toBeNull();
    expect(cpuNote({ ...chosen, kind: 'gpu' }, 'chrome')).toBeNull();
  });
});
