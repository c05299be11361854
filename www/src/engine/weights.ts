import { GOLDEN, neededFiles, totalBytes, type ModelFile } from './files';
import type { Download } from './protocol';

const CACHE = 'reverie-weights';

class WeightsError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Storage may be denied: then nothing is cached, and nothing else changes. */
async function openCache(): Promise<Cache | undefined> {
  try {
    return await caches.open(CACHE);
  } catch {
    return undefined;
  }
}

const cacheKey = (file: ModelFile) => new URL(`/sha256/${file.sha256}`, self.location.origin);

async function fromCache(file: ModelFile, cache: Cache | undefined) {
  const response = await cache?.match(cacheKey(file));
  if (!response) return undefined;
  const data = new Uint8Array(await response.arrayBuffer());
  if ((await sha256(data)) === file.sha256) return data;
  await cache?.delete(cacheKey(file));
  return undefined;
}

/** Hears of the first bytes of a file, as they come, and whether they are the browser's own. */
type OnBytes = (data: Uint8Array<ArrayBuffer>, there: number, cached: boolean) => void;

async function fromNetwork(file: ModelFile, folder: URL, onBytes: OnBytes) {
  // The hash in the address keeps an older version in the HTTP cache from passing as this one.
  const address = new URL(`${file.path}?${file.sha256.slice(0, 8)}`, folder);
  let response: Response;
  try {
    response = await fetch(address);
  } catch {
    throw new WeightsError(
      'WeightsUnreachable',
      `This model is not kept on this device, and the network is out of reach: ${file.path} could not be fetched.`,
    );
  }
  if (!response.ok || !response.body) {
    const status = `${response.status} ${response.statusText}`.trim();
    throw new WeightsError('WeightsMissing', `${file.path}: the server answered ${status}.`);
  }
  const data = new Uint8Array(file.bytes);
  const reader = response.body.getReader();
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || !value) break;
    if (received + value.length > file.bytes) {
      await reader.cancel();
      throw new WeightsError(
        'WeightsCorrupt',
        `${file.path} is longer than the ${file.bytes} bytes it should have.`,
      );
    }
    data.set(value, received);
    received += value.length;
    onBytes(data, received, false);
  }
  if (received !== file.bytes) {
    throw new WeightsError(
      'WeightsTruncated',
      `${file.path} broke off after ${received} of ${file.bytes} bytes.`,
    );
  }
  if ((await sha256(data)) !== file.sha256) {
    throw new WeightsError(
      'WeightsCorrupt',
      `${file.path} is not the file this page was built with: its SHA-256 differs.`,
    );
  }
  return data;
}

async function fetchFile(
  file: ModelFile,
  folder: URL,
  cache: Cache | undefined,
  onBytes: OnBytes,
): Promise<Uint8Array> {
  const kept = await fromCache(file, cache);
  if (kept) {
    onBytes(kept, kept.length, true);
    return kept;
  }
  const data = await fromNetwork(file, folder, onBytes);
  // A full disk must not keep anyone from seeing pictures.
  await cache?.put(cacheKey(file), new Response(data)).catch(() => undefined);
  return data;
}

/** Drops what no model of this build needs any more. */
export async function purgeCache(current: ModelFile[]): Promise<void> {
  const cache = await openCache();
  if (!cache) return;
  const keep = new Set(current.map((file) => cacheKey(file).href));
  const stale = (await cache.keys()).filter((request) => !keep.has(request.url));
  await Promise.all(stale.map((request) => cache.delete(request)));
}

/** Fetches, checks and caches what the engine needs to load a model: each file when it is there. */
export function fetchModel(
  files: ModelFile[],
  folder: URL,
  onProgress: (download: Download) => void,
  onBytes: (file: ModelFile, data: Uint8Array<ArrayBuffer>, there: number) => void,
): Map<string, Promise<Uint8Array>> {
  const cache = openCache();
  const wanted = neededFiles(files);
  const download = { received: 0, total: totalBytes(wanted), cached: true };
  onProgress({ ...download });
  const fetched = async (file: ModelFile) => {
    let before = 0;
    return fetchFile(file, folder, await cache, (data, there, cached) => {
      download.received += there - before;
      before = there;
      download.cached &&= cached;
      onProgress({ ...download });
      onBytes(file, data, there);
    });
  };
  return new Map(wanted.map((file) => [file.path, fetched(file)]));
}

export async function fetchGolden(files: ModelFile[], folder: URL): Promise<Uint8Array> {
  const golden = files.find((file) => file.path === GOLDEN);
  if (!golden) throw new WeightsError('WeightsMissing', 'This model has no golden vector.');
  return fetchFile(golden, folder, await openCache(), () => undefined);
}
