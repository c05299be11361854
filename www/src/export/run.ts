import type { Studio } from '../state/studio.svelte';
import { caption } from './caption';
import { copyright, creditLine } from './credit';
import { framesToShow, gifOf } from './gif';
import { pngOf } from './png';
import { enlarged, gridOf, single, stacked, type Layout, type Raster } from './raster';

export interface Export {
  file: Blob;
  name: string;
}

/** How frames of the run become pictures, and what has to stand under them. */
function painter({ model, run }: Studio, sample: number | 'all') {
  if (!model || !run) throw new Error('There is no run to save yet.');
  const { channels, width, height } = model;
  const layout: Layout = { channels, width, height, columns: run.columns, rows: run.rows };
  const credit = creditLine(model);
  let words: Raster | null = null;
  return (values: Float32Array): Raster => {
    const wanted = sample === 'all' ? { values, layout } : single(values, layout, sample);
    const picture = enlarged(gridOf(wanted.values, wanted.layout));
    if (!credit) return picture;
    words ??= caption(credit, picture.width);
    return words ? stacked(picture, words) : picture;
  };
}

function nameOf({ page }: Studio, sample: number | 'all', ending: string): string {
  const one = sample === 'all' ? '' : `-${sample + 1}`;
  return `reverie-${page.model}-${page.recipe.seed}${one}${ending}`;
}

/** The frame that is shown. */
export async function exportPng(
  studio: Studio,
  sample: number | 'all',
  link: string,
): Promise<Export> {
  const { model } = studio;
  const { frame, steps } = studio.playback;
  const paint = painter(studio, sample);
  const picture = paint(await studio.pixels('x_t', frame));
  const file = await pngOf(picture, link, model ? copyright(model) : '');
  const step = frame === steps ? '' : `-step-${frame}`;
  return { file, name: nameOf(studio, sample, `${step}.png`) };
}

/** From noise to the end. */
export async function exportGif(
  studio: Studio,
  sample: number | 'all',
  onprogress: (done: number, of: number) => void,
): Promise<Export> {
  const { run } = studio;
  const paint = painter(studio, sample);
  const frames = framesToShow(studio.playback.steps);
  const frame = async (index: number) => {
    const values = await studio.pixels('x_t', frames[index] ?? 0);
    if (studio.run !== run) throw new Error('The run was changed meanwhile.');
    return paint(values);
  };
  const file = await gifOf(frames.length, frame, (done) => {
    onprogress(done, frames.length);
  });
  return { file, name: nameOf(studio, sample, '.gif') };
}
