import { mount } from 'svelte';
import App from './App.svelte';
import type { Surface } from './engine/types';
import { Studio } from './state/studio.svelte';
import { applyTheme, storedTheme } from './state/theme';
import './styles/tokens.css';
import './styles/base.css';

applyTheme(storedTheme());

const target = document.getElementById('app');
if (!target) throw new Error('The page has no #app.');

const studio = new Studio();
mount(App, { target, props: { studio } });
studio.start();

// For the console and the end-to-end tests: the numbers behind a frame.
Object.assign(globalThis, {
  reverie: {
    pixels: (surface: Surface, frame: number) => studio.pixels(surface, frame),
    memory: () => studio.client?.ask({ ask: 'memory' }),
  },
});
