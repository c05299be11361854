import type { Chosen, Trial } from '../engine/protocol';
import { adviceFor, type Browser } from './advice';
import { milliseconds } from './format';

export interface CpuNote {
  title: string;
  /** In the engine's words. */
  reason: string;
  /** What would switch WebGPU on. */
  todo: string[];
}

/**
 * What a visitor is told whose processor computes though nobody asked for it; what was measured is
 * told with the model that it was measured with.
 */
export function cpuNote(
  { kind, wish, lack, trial }: Chosen,
  browser: Browser,
  model: string,
): CpuNote | null {
  if (kind !== 'cpu') return null;
  if (lack) {
    const { title, todo } = adviceFor(lack, browser);
    return { title: `${title}: Reverie computes on the CPU.`, reason: lack.message, todo };
  }
  if (wish !== 'auto') return null;
  return { title: adapterNote(trial, model), reason: '', todo: [] };
}

function adapterNote(trial: Trial | null, model: string): string {
  const here = 'WebGPU has only a software adapter here';
  if (trial && trial.gpu_ms <= trial.cpu_ms) {
    return `${here}, which is faster than the CPU all the same: the next visit computes on it.`;
  }
  if (trial?.model !== model) return `${here}: Reverie computes on the CPU.`;
  const [cpu, gpu] = [trial.cpu_ms, trial.gpu_ms].map(milliseconds);
  return `${here}, which takes ${gpu} ms a pass: Reverie computes on the CPU in ${cpu} ms.`;
}
