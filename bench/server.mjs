// Serves the contenders with the headers that threads in wasm ask for.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = {
  '/pkg/': join(ROOT, 'www/pkg/'),
  '/nets/': join(ROOT, 'target/bench/'),
  '/ort/': join(ROOT, 'bench/node_modules/onnxruntime-web/dist/'),
  '/tfjs/': join(ROOT, 'bench/node_modules/@tensorflow/'),
  '/': join(ROOT, 'bench/page/'),
};
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

function fileOf(url) {
  const path = normalize(decodeURIComponent(new URL(url, 'http://host').pathname));
  const [prefix, folder] = Object.entries(FOLDERS).find(([prefix]) => path.startsWith(prefix));
  return join(folder, path.slice(prefix.length) || 'index.html');
}

/** On a free port. */
export async function serve() {
  const server = createServer((request, response) => {
    const file = fileOf(request.url);
    const there = statSync(file, { throwIfNoEntry: false })?.isFile();
    response.writeHead(there ? 200 : 404, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    if (there) createReadStream(file).pipe(response);
    else response.end();
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}
