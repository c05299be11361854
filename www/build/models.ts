import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

const MANIFEST = 'virtual:models';

interface ModelFile {
  path: string;
  bytes: number;
  sha256: string;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function manifest(root: string): Record<string, ModelFile[]> {
  if (!existsSync(root)) return {};
  const names = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    names.map(({ name }) => [
      name,
      filesBelow(join(root, name)).map((path) => {
        const data = readFileSync(join(root, name, path));
        const sha256 = createHash('sha256').update(data).digest('hex');
        return { path, bytes: data.length, sha256 };
      }),
    ]),
  );
}

/**
 * Serves and copies the model folders as they are, and gives the page their manifest as
 * `virtual:models`: bytes for a progress bar that tells the truth, SHA-256 to check and cache by.
 */
export function models(root: string): Plugin {
  let isWorkerBuild = false;
  return {
    name: 'reverie:models',
    configResolved(config) {
      isWorkerBuild = config.isWorker;
    },
    resolveId: (id) => (id === MANIFEST ? `\0${MANIFEST}` : undefined),
    load: (id) =>
      id === `\0${MANIFEST}` ? `export default ${JSON.stringify(manifest(root))}` : undefined,
    configureServer(server) {
      server.middlewares.use('/models', (request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname;
        const file = join(root, decodeURIComponent(path));
        if (!file.startsWith(root + sep) || !existsSync(file) || !statSync(file).isFile()) {
          next();
          return;
        }
        response.setHeader('Content-Type', 'application/octet-stream');
        createReadStream(file).pipe(response);
      });
    },
    generateBundle() {
      if (isWorkerBuild || !existsSync(root)) return;
      for (const path of filesBelow(root)) {
        const source = readFileSync(join(root, path));
        this.emitFile({ type: 'asset', fileName: `models/${path}`, source });
      }
    },
  };
}
