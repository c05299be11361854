// Writes the page's Python programs: a JSON list of { recipe, model, folder } comes in, one of scripts goes out.
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const inline = { configFile: false, logLevel: 'error', root: file('..') };
const { module } = await runnerImport(file('../src/export/python.ts'), inline);
const asked = JSON.parse(await text(process.stdin));
const shown = (recipe) => ({ recipe, forks: [], start: null });
const scripts = asked.map(({ recipe, model, folder }) =>
  module.pythonScript(shown(recipe), model, folder),
);
console.log(JSON.stringify(scripts));
