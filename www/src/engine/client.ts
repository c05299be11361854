import type { Preference } from './engines';
import type { Answers, News, Question, Reply, ToWorker } from './protocol';
import { engineThread, type Wire } from './thread';
import { LENSES, type Surface } from './types';

const SURFACES: readonly Surface[] = [...LENSES, 'forward'];

interface Waiting {
  resolve: (value: never) => void;
  reject: (reason: Error) => void;
}

/** The page's end of the wire to the engine. Owns the canvases whose drawing it hands over. */
export class EngineClient {
  /** A canvas can be transferred once only: they are made here and only placed by the stations. */
  readonly canvases: Record<Surface, HTMLCanvasElement>;
  readonly #wire: Promise<Wire>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(model: string, preference: Preference, onNews: (news: News) => void) {
    const canvases = SURFACES.map((surface) => [surface, document.createElement('canvas')]);
    this.canvases = Object.fromEntries(canvases) as Record<Surface, HTMLCanvasElement>;
    this.#wire = engineThread(
      preference.wish,
      (message) => {
        if (message.type === 'answer' || message.type === 'no_answer') this.#settle(message);
        else onNews(message);
      },
      (message) => {
        onNews({ type: 'failed', problem: { name: 'EngineScript', message } });
      },
    );
    const base = new URL('.', document.baseURI).href;
    void this.#wire.then((wire) => {
      const surfaces = Object.fromEntries(
        SURFACES.map((surface) => [surface, this.canvases[surface].transferControlToOffscreen()]),
      ) as Record<Surface, OffscreenCanvas>;
      wire.postMessage(
        {
          type: 'boot',
          model,
          base,
          origin: performance.timeOrigin,
          preference,
          surfaces,
        } satisfies ToWorker,
        Object.values(surfaces),
      );
    });
  }

  post(message: Exclude<ToWorker, { type: 'boot' }>): void {
    void this.#wire.then((wire) => {
      wire.postMessage(message);
    });
  }

  ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.post({ type: 'question', id, question });
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type === 'answer') waiting?.resolve(reply.value as never);
    else
      waiting?.reject(
        Object.assign(new Error(reply.problem.message), { name: reply.problem.name }),
      );
  }
}
