import type { EngineKind } from '../engine/protocol';

/** Keeps the page for a visit without a network, and hears of newer versions of it. */
export class Updates {
  /** A newer version is kept, and waits for its turn. */
  waiting: ServiceWorker | null = $state.raw(null);
  #watching = false;

  /** Storage or service workers may be denied: then nothing is kept, and nothing else changes. */
  async watch(engine: EngineKind | undefined): Promise<void> {
    // The development server's files are of no version.
    if (!import.meta.env.PROD || this.#watching) return;
    this.#watching = true;
    try {
      const options = { updateViaCache: 'none' } as const;
      const { serviceWorker } = navigator;
      const registration = await serviceWorker.register('service-worker.js', options);
      this.#look(registration);
      registration.addEventListener('updatefound', () => {
        registration.installing?.addEventListener('statechange', () => {
          this.#look(registration);
        });
      });
      if (engine === 'cpu') (await serviceWorker.ready).active?.postMessage('keep-cpu-engine');
    } catch {
      return;
    }
  }

  /** The newer version takes over; what the page shows is in its address. */
  reload(): void {
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      location.reload();
    });
    this.waiting?.postMessage('take-over');
  }

  #look({ active, waiting }: ServiceWorkerRegistration): void {
    // The first version has nobody to wait for.
    if (active && waiting) this.waiting = waiting;
  }
}
