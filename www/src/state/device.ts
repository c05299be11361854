import type { ThreadName } from '../engine/protocol';
import type { DeviceFacts } from '../engine/types';

/** What the browser tells of the graphics adapter; browsers keep much of it to themselves. */
export function adapterName({ adapter, vendor, architecture, backend }: DeviceFacts): string {
  if (backend === 'CPU') return 'Processor, one thread';
  return adapter || [vendor, architecture].filter(Boolean).join(' ') || 'Unnamed graphics device';
}

/** Where the engine lives. */
export const threadText = (thread: ThreadName) =>
  thread === 'page' ? 'on the main thread' : 'in a worker';
