import { describe, expect, it } from 'vitest';
import type { Chosen } from '../engine/protocol';
import { cpuNote } from './engine-note';

const chosen: Chosen = { kind: 'cpu', wish: 'auto', lack: null, trial: null };

const trial = { model: 'digits', gpu_ms: 170, cpu_ms: 16 };

describe('the note of the CPU', () => {
  it('says what this browser is short of, and what to do', () => {
    const lack = { name: 'NoWebGpu', message: 'none here' };
    const note = cpuNote({ ...chosen, lack }, 'firefox', 'digits');
    expect(note?.title).toBe('This browser has no WebGPU: Reverie computes on the CPU.');
    expect(note?.reason).toBe('none here');
    expect(note?.todo.join()).toContain('about:config');
  });

  it('says that the adapter is a software one before it was tried', () => {
    const note = cpuNote(chosen, 'chrome', 'digits');
    expect(note?.title).toBe(
      'WebGPU has only a software adapter here: Reverie computes on the CPU.',
    );
  });

  it('says what was measured, of the model it was measured with', () => {
    const title = (model: string) => cpuNote({ ...chosen, trial }, 'chrome', model)?.title;
    expect(title('digits')).toContain('170 ms a pass');
    expect(title('digits')).toContain('in 16 ms');
    expect(title('portraits')).not.toMatch(/\d/);
  });

  it('says that the next visit has the shaders where those are faster', () => {
    const slow = { ...trial, cpu_ms: 200 };
    const note = cpuNote({ ...chosen, trial: slow }, 'chrome', 'digits');
    expect(note?.title).toContain('the next visit computes on it');
  });

  it('is silent where it was asked for, and where a GPU computes', () => {
    expect(cpuNote({ ...chosen, wish: 'cpu' }, 'chrome', 'digits')).toBeNull();
    expect(cpuNote({ ...chosen, kind: 'gpu' }, 'chrome', 'digits')).toBeNull();
  });
});
