import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function executable() {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = process.env.CHROMIUM ?? candidates.find((path) => existsSync(path));
  if (!found) throw new Error('No Chromium: install one, or name it in CHROMIUM.');
  return found;
}

const FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A host that is this machine, and that browsers do not hold for a secure one.
  '--host-resolver-rules=MAP insecure.test 127.0.0.1',
];

/** WebGPU on a software adapter. Each of its contexts is a first visit, with nothing cached. */
export function openBrowser() {
  return chromium.launch({ executablePath: executable(), headless: true, args: FLAGS });
}

/** Serves `dist` on a free port. */
export async function serveDist() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const server = await preview({
    root,
    logLevel: 'error',
    preview: { host: true, port: 0, allowedHosts: true },
  });
  const { port } = server.httpServer.address();
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}
