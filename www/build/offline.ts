import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { build, type Plugin, type ResolvedConfig } from 'vite';

const OUTPUT = 'service-worker.js';
/** The engine keeps models by itself, those that were used. */
const MODELS = /^models\/(?!.*\/kept\.png$)/;
/** Every browser of today takes the first of the three formats that formulas' fonts come in. */
const UNUSED = /\.(woff|ttf)$/;
const LATER = /\.woff2$|\/cpu(_bg)?-[^/]*$/;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function pageFiles(folder: string): Record<string, string> {
  const paths = filesBelow(folder).filter(
    (path) => path !== OUTPUT && !MODELS.test(path) && !UNUSED.test(path),
  );
  const sha256 = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex');
  return Object.fromEntries(
    paths.map((path) => [path === 'index.html' ? '' : path, sha256(path)] as const),
  );
}

/** Builds the service worker for what was built: a script of its own, which knows every file's hash. */
export function offline(entry: string): Plugin {
  let config: ResolvedConfig;
  return {
    name: 'reverie:offline',
    apply: 'build',
    configResolved(resolved) {
      config = resolved;
    },
    async closeBundle() {
      const folder = resolve(config.root, config.build.outDir);
      const files = pageFiles(folder);
      const later = Object.keys(files).filter((path) => LATER.test(path));
      await build({
        configFile: false,
        root: config.root,
        logLevel: 'error',
        publicDir: false,
        define: { PAGE_FILES: JSON.stringify(files), LATER: JSON.stringify(later) },
        build: {
          outDir: folder,
          emptyOutDir: false,
          target: 'es2022',
          lib: { entry, formats: ['iife'], name: 'offline', fileName: () => OUTPUT },
        },
      });
    },
  };
}
