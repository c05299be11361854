/**
 * Keeps the page, its scripts and the engine, so that a second visit needs no network. Models are
 * kept by `engine/weights.ts`. The whole page is of one version: a new one is fetched beside the
 * old, and takes over when the page asks for it.
 */

/** The SHA-256 of every file of the page by its path; '' is the document. From build/offline.ts. */
declare const PAGE_FILES: Record<string, string>;
/** Those of them that are kept only once they were used: fonts, and the engine on the CPU. */
declare const LATER: string[];
// The build writes the tables in the place of their names.
const files = PAGE_FILES;
const later = new Set(LATER);
/** A first visit has fetched it before this worker was there to keep it. */
const CPU_ENGINE = /\/cpu(_bg)?-[^/]*$/;

/** What TypeScript's library for documents does not know. */
interface LifecycleEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends LifecycleEvent {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  registration: ServiceWorkerRegistration;
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: LifecycleEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}
const worker = self as unknown as Scope;

const scope = new URL(worker.registration.scope);
/** One for each place that the page is served from: hosts serve several under one origin. */
const CACHE = `reverie-page ${scope.pathname}`;

/** Both versions share the cache, and with it every file that did not change. */
const cacheKey = (sha256: string) => new URL(`sha256/${sha256}`, scope).href;

async function hash(data: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Fetches a file past the browser's HTTP cache and keeps it, if it is of this version. */
async function keep(cache: Cache, path: string, sha256: string): Promise<Response> {
  const response = await fetch(new URL(path, scope), { cache: 'no-cache' });
  const body = await response.arrayBuffer();
  if (!response.ok || (await hash(body)) !== sha256) {
    throw new Error(`${path || 'index.html'} is not the file of this version of the page.`);
  }
  const headers = new Headers(response.headers);
  // They describe how the bytes came here.
  headers.delete('Content-Encoding');
  headers.delete('Content-Length');
  const kept = new Response(body, { headers });
  await cache.put(cacheKey(sha256), kept.clone());
  return kept;
}

async function keepAll(wanted: (path: string) => boolean): Promise<void> {
  const cache = await caches.open(CACHE);
  const chosen = Object.entries(files).filter(([path]) => wanted(path));
  await Promise.all(
    chosen.map(async ([path, sha256]) => {
      if (!(await cache.match(cacheKey(sha256)))) await keep(cache, path, sha256);
    }),
  );
}

async function dropOthers(): Promise<void> {
  const cache = await caches.open(CACHE);
  const current = new Set(Object.values(files).map(cacheKey));
  const stale = (await cache.keys()).filter(({ url }) => !current.has(url));
  await Promise.all(stale.map((request) => cache.delete(request)));
}

/** The path of a file of the page, as the table has it. */
function pathOf({ method, url, mode }: Request): string | undefined {
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== scope.origin || !pathname.startsWith(scope.pathname)) return;
  const path = pathname.slice(scope.pathname.length);
  return mode === 'navigate' && path === 'index.html' ? '' : path;
}

async function serve(path: string, sha256: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE).catch(() => undefined);
  const kept = await cache?.match(cacheKey(sha256));
  if (kept) return kept;
  return (cache && (await keep(cache, path, sha256).catch(() => undefined))) ?? fetch(request);
}

worker.addEventListener('install', (event) => {
  event.waitUntil(keepAll((path) => !later.has(path)));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(dropOthers().then(() => worker.clients.claim()));
});

worker.addEventListener('message', ({ data }) => {
  if (data === 'take-over') void worker.skipWaiting();
  if (data === 'keep-cpu-engine')
    void keepAll((path) => CPU_ENGINE.test(path)).catch(() => undefined);
});

worker.addEventListener('fetch', (event) => {
  const path = pathOf(event.request);
  const sha256 = path === undefined ? undefined : files[path];
  if (path !== undefined && sha256) event.respondWith(serve(path, sha256, event.request));
});
