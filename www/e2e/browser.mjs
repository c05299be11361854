import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

/** The path of a program: as a variable of the environment says, or the first of its names there is. */
export function program(variable, ...names) {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)));
  const found = process.env[variable] ?? candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`No ${names[0]}: install it, or name it in ${variable}.`);
  return found;
}

const chromiumPath = () =>
  program('CHROMIUM', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable');

const FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-sandbox',
  // A camera that shows a moving pattern; each page is still asked for the permission.
  '--use-fake-device-for-media-stream',
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
  return chromium.launch({ executablePath: chromiumPath(), headless: true, args: FLAGS });
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Serves a built page on a free port. */
export async function serveDist(outDir = join(ROOT, 'dist')) {
  const server = await preview({
    root: ROOT,
    logLevel: 'error',
    build: { outDir },
    preview: { host: true, port: 0, allowedHosts: true },
  });
  const { port } = server.httpServer.address();
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}

/** Serves a copy of the built page, to be changed or taken away, from a path below a host's root. */
export async function serveCopy(path = 'some/path/') {
  const root = mkdtempSync(join(tmpdir(), 'reverie-copy-'));
  const folder = join(root, path);
  cpSync(join(ROOT, 'dist'), folder, { recursive: true });
  const server = await serveDist(root);
  const remove = () => rmSync(root, { recursive: true });
  return { url: server.url + path, folder, close: server.close, remove };
}

/**
 * Builds and serves a page that has models of the tests' fixtures besides the shipped ones: by their
 * names, with what is set in the place of their scheduler config's own.
 */
export async function serveWithFixtures(fixtures) {
  const folder = mkdtempSync(join(tmpdir(), 'reverie-page-'));
  const models = Object.entries(fixtures).map(([name, settings]) => {
    const model = join(folder, 'models', name);
    cpSync(join(ROOT, '../tests/fixtures/unet', name), model, { recursive: true });
    // One pass and what PyTorch makes of it: what the page checks itself against.
    renameSync(join(model, 'io.safetensors'), join(model, 'golden.safetensors'));
    const scheduler = join(model, 'scheduler/scheduler_config.json');
    const config = JSON.parse(readFileSync(scheduler, 'utf8'));
    writeFileSync(scheduler, JSON.stringify({ ...config, ...settings }));
    return model;
  });
  process.env.REVERIE_MODELS = models.join(delimiter);
  const outDir = join(folder, 'dist');
  await build({ root: ROOT, logLevel: 'error', build: { outDir, emptyOutDir: true } });
  const server = await serveDist(outDir);
  const close = async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  };
  return { url: server.url, close };
}
