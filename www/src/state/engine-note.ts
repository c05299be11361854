import type { Chosen } from '../engine/protocol';
import { adviceFor, type Browser } from './advice';
import { milliseconds } from './format';

export interface CpuNote {
  title: string;
  /** In the engine's words, or as it was measured. */
  reason: string;
  /** What would switch WebGPU on. */
  todo: string[];
}

/** What a visitor is told whose processor computes though nobody asked for it. */
export function cpuNote({ kind, lack, trial }: Chosen, browser: Browser): CpuNote | null {
  if (kind !== 'cpu') return null;
  if (lack) {
    const { title, todo } = adviceFor(lack, browser);
    return { title: `${title}: Reverie computes on the CPU.`, reason: lack.message, todo };
  }
  if (!trial) return null;
  const [cpu, gpu] = [trial.cpu_ms, trial.gpu_ms].map(milliseconds);
  const title = 'No graphics card to compute on: Reverie uses the processor.';
  const reason = `WebGPU has only a software adapter here, which takes ${gpu} ms a pass; the processor takes ${cpu} ms.`;
  return { title, reason, todo: [] };
}
