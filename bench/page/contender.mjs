// One contender in a page of its own, as ?contender=NAME says; the driver calls `contender`.
import { Ort } from './ort.mjs';
import { Reverie } from './reverie.mjs';

const MAKERS = {
  'reverie-webgpu': () => Reverie.open('/pkg/reverie.js'),
  'reverie-cpu': () => Reverie.open('/pkg/cpu/cpu.js'),
  'ort-webgpu': () => Ort.open('webgpu', 1),
  'ort-wasm-1': () => Ort.open('wasm', 1),
  'ort-wasm-2': () => Ort.open('wasm', 2),
  // Its code is for its own page alone: it registers a backend as it loads.
  'tfjs-webgpu': async () => (await import('./tfjs.mjs')).Tfjs.open(),
};

const name = new URLSearchParams(location.search).get('contender');

/** Resolves to what has `load(net)`, `first(batch)`, `pass(batch, times)` and `error(batch)`. */
globalThis.contender = MAKERS[name]();
