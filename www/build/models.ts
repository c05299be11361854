import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

const MANIFEST = 'virtual:models';
/** What the page fetches; pictures and tables beside it are for people who look into the folder. */
const USED = /^(?!evaluation\.json$).*\.(json|safetensors)$/;
const KEPT = 'kept.png';

interface ModelFile {
  path: string;
  bytes: number;
  sha256: string;
}

interface Model {
  description: string | null;
  /** What runs of it start with, where that is not what the page starts with. */
  sampling: Record<string, number | string>;
  /** A run to play while the model is on its way, by its path and, for caches, its version. */
  kept: string | null;
  files: ModelFile[];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** Every folder of `root`, and `others`, by name. */
function modelFolders(root: string, others: string[]): Map<string, string> {
  const shipped = existsSync(root) ? readdirSync(root, { withFileTypes: true }) : [];
  const folders = shipped
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(root, name))
    .concat(others);
  return new Map(folders.map((folder) => [basename(folder), folder]));
}

function facts(folder: string): Pick<Model, 'description' | 'sampling'> {
  const path = join(folder, 'reverie.json');
  const none = { description: null, sampling: {} };
  return existsSync(path)
    ? { ...none, ...pick(JSON.parse(readFileSync(path, 'utf8')) as Partial<Model>) }
    : none;
}

const pick = ({ description = null, sampling = {} }: Partial<Model>) => ({ description, sampling });

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

function keptRun(folder: string): string | null {
  const path = join(folder, KEPT);
  return existsSync(path) ? `${KEPT}?${sha256(readFileSync(path)).slice(0, 8)}` : null;
}

function manifest(folders: Map<string, string>): Record<string, Model> {
  const model = (folder: string): Model => ({
    ...facts(folder),
    kept: keptRun(folder),
    files: filesBelow(folder)
      .filter((path) => USED.test(path))
      .map((path) => {
        const data = readFileSync(join(folder, path));
        return { path, bytes: data.length, sha256: sha256(data) };
      }),
  });
  return Object.fromEntries([...folders].map(([name, folder]) => [name, model(folder)]));
}

/**
 * Serves and copies the model folders as they are, and gives the page their manifest as
 * `virtual:models`: bytes for a progress bar that tells the truth, SHA-256 to check and cache by.
 */
export function models(root: string, others: string[] = []): Plugin {
  const folders = modelFolders(root, others);
  let isWorkerBuild = false;
  return {
    name: 'reverie:models',
    configResolved(config) {
      isWorkerBuild = config.isWorker;
    },
    resolveId: (id) => (id === MANIFEST ? `\0${MANIFEST}` : undefined),
    load: (id) =>
      id === `\0${MANIFEST}` ? `export default ${JSON.stringify(manifest(folders))}` : undefined,
    configureServer(server) {
      server.middlewares.use('/models', (request, response, next) => {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost');
        const [, name = '', ...path] = decodeURIComponent(pathname).split('/');
        const folder = folders.get(name);
        const file = folder ? join(folder, ...path) : '';
        if (
          !folder ||
          !file.startsWith(folder + sep) ||
          !statSync(file, { throwIfNoEntry: false })?.isFile()
        ) {
          next();
          return;
        }
        response.setHeader('Content-Type', 'application/octet-stream');
        createReadStream(file).pipe(response);
      });
    },
    generateBundle() {
      if (isWorkerBuild) return;
      for (const [name, folder] of folders) {
        for (const path of filesBelow(folder)) {
          const source = readFileSync(join(folder, path));
          this.emitFile({ type: 'asset', fileName: `models/${name}/${path}`, source });
        }
      }
    },
  };
}
