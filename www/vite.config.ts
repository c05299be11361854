import { svelte } from '@sveltejs/vite-plugin-svelte';
import { existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { CSP, contentSecurityPolicy } from './build/csp.ts';
import { models } from './build/models.ts';
import { offline } from './build/offline.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const ENGINE = here('./pkg/reverie.js');
/** A plain `wasm-pack build` has all in one, but for the engine on the CPU. */
const CPU_ENGINE = here('./pkg/cpu/cpu.js');
const TWINS = here('./pkg/twins/twins.js');

/** Folders of other models than the shipped ones, by their paths from the repository's root. */
const otherModels = (process.env.REVERIE_MODELS ?? '')
  .split(delimiter)
  .filter(Boolean)
  .map((folder) => resolve(here('..'), folder));
const modelFolders = () => models(here('./models'), otherModels);

export default defineConfig({
  // Relative addresses: the built page works from any sub-path of any static host.
  base: './',
  plugins: [
    svelte(),
    modelFolders(),
    contentSecurityPolicy(),
    offline(here('./src/offline/service-worker.ts')),
  ],
  resolve: {
    alias: {
      '@engine': ENGINE,
      '@cpu-engine': existsSync(CPU_ENGINE) ? CPU_ENGINE : ENGINE,
      '@twins': existsSync(TWINS) ? TWINS : ENGINE,
    },
  },
  worker: { format: 'es', plugins: () => [modelFolders()] },
  build: { target: 'es2022', assetsInlineLimit: 0 },
  preview: { headers: { 'Content-Security-Policy': CSP } },
  test: { include: ['src/**/*.test.ts'], passWithNoTests: false },
});
