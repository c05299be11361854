import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { CSP, contentSecurityPolicy } from './build/csp.ts';
import { models } from './build/models.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // Relative addresses: the built page works from any sub-path of any static host.
  base: './',
  plugins: [svelte(), models(here('./models')), contentSecurityPolicy()],
  resolve: {
    alias: { '@engine': here('./pkg/reverie.js') },
  },
  worker: { format: 'es', plugins: () => [models(here('./models'))] },
  build: { target: 'es2022', assetsInlineLimit: 0 },
  preview: { headers: { 'Content-Security-Policy': CSP } },
  test: { include: ['src/**/*.test.ts'], passWithNoTests: false },
});
