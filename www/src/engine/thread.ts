import type { Awake, EngineWish, FromWorker, ToWorker } from './protocol';

/** What the page speaks to the engine through. */
export interface Wire {
  postMessage(message: ToWorker, transfer?: Transferable[]): void;
}

type Hear = (message: Exclude<FromWorker, Awake>) => void;

/**
 * A worker, or where WebGPU is wished for and to be had on the page's own thread only, that thread. Asked
 * before anything is handed over, since a canvas can be transferred once only. `fail` hears of a
 * script that could not be loaded.
 */
export function engineThread(
  wish: EngineWish,
  hear: Hear,
  fail: (message: string) => void,
): Promise<Wire> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise((resolve) => {
    worker.onerror = (event) => {
      fail(event.message || 'The engine’s script could not be loaded.');
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type !== 'awake') {
        hear(data);
      } else if (data.gpu || wish === 'cpu' || !('gpu' in navigator)) {
        resolve(worker);
      } else {
        worker.terminate();
        onPageThread(hear).then(resolve, (thrown: unknown) => {
          fail(String(thrown));
        });
      }
    };
  });
}

async function onPageThread(hear: Hear): Promise<Wire> {
  const { serve } = await import('./desk');
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type !== 'awake') hear(data);
  };
  serve(port2, 'page');
  return port1;
}
