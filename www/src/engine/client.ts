import type { Answers, FromWorker, News, Question, Reply, ToWorker } from './protocol';
import type { Surface } from './types';

const SURFACES: readonly Surface[] = ['x_t', 'x0_hat', 'forward'];

interface Waiting {
  resolve: (value: never) => void;
  reject: (reason: Error) => void;
}

/** The page's end of the wire. Owns the worker and the canvases whose drawing it handed over. */
export class EngineClient {
  /** A canvas can be transferred once only: they are made here and only placed by the stations. */
  readonly canvases: Record<Surface, HTMLCanvasElement>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(model: string, onNews: (news: News) => void) {
    const canvases = SURFACES.map(
      (surface) => [surface, document.createElement('canvas')] as const,
    );
    this.canvases = Object.fromEntries(canvases) as Record<Surface, HTMLCanvasElement>;
    const surfaces = Object.fromEntries(
      canvases.map(([surface, canvas]) => [surface, canvas.transferControlToOffscreen()]),
    ) as Record<Surface, OffscreenCanvas>;

    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'answer' || data.type === 'no_answer') this.#settle(data);
      else onNews(data);
    };
    this.#worker.onerror = (event) => {
      const message = event.message || 'The engine’s script could not be loaded.';
      onNews({ type: 'failed', problem: { name: 'EngineScript', message } });
    };
    const base = new URL('.', document.baseURI).href;
    this.#worker.postMessage(
      { type: 'boot', model, base, surfaces } satisfies ToWorker,
      Object.values(surfaces),
    );
  }

  post(message: Exclude<ToWorker, { type: 'boot' | 'question' }>): void {
    this.#worker.postMessage(message);
  }

  ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ type: 'question', id, question } satisfies ToWorker);
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type === 'answer') waiting?.resolve(reply.value as never);
    else waiting?.reject(new Error(reply.problem.message));
  }
}
