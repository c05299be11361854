import type { Studio } from '../state/studio.svelte';
import { framesToShow } from './animation';
import { caption } from './caption';
import { copyright, creditLine } from './credit';
import { filmOf } from './film';
import { gifOf } from './gif';
import { pngOf } from './png';
import { enlarged, gridOf, single, stacked, type Layout, type Raster } from './raster';

export interface Export {
  file: Blob;
  name: string;
}

/** How values become pictures, and what has to stand under them. */
function painter(
  { model }: Studio,
  grid: { columns: number; rows: number },
  sample: number | 'all',
) {
  if (!model) throw new Error('There is no model yet.');
  const { channels, width, height } = model;
  const layout: Layout = { channels, width, height, ...grid };
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

function painterOfRun(studio: Studio, sample: number | 'all') {
  const { run } = studio;
  if (!run) throw new Error('There is no run to save yet.');
  return painter(studio, { columns: run.columns, rows: run.rows }, sample);
}

function nameOf({ page }: Studio, sample: number | 'all', ending: string): string {
  const one = sample === 'all' ? '' : `-${sample + 1}`;
  return `reverie-${page.model}-${page.recipe.seed}${one}${ending}`;
}

/** The frame that is shown. */
export async function exportPng(studio: Studio, sample: number | 'all'): Promise<Export> {
  const { model } = studio;
  const { frame, steps } = studio.playback;
  // A run that plays is further on when the picture is there.
  const link = studio.link(frame);
  const paint = painterOfRun(studio, sample);
  const picture = paint(await studio.pixels('x_t', frame));
  const file = await pngOf(picture, link, model ? copyright(model) : '');
  const step = frame === steps ? '' : `-step-${frame}`;
  return { file, name: nameOf(studio, sample, `${step}.png`) };
}

/** x_t of the forward process, made at once. */
export async function exportNoised(studio: Studio, link: string): Promise<Export> {
  const { model, page } = studio;
  const paint = painter(studio, { columns: 1, rows: 1 }, 'all');
  const picture = paint(await studio.pixels('forward', 0));
  const file = await pngOf(picture, link, model ? copyright(model) : '');
  return { file, name: `reverie-${page.model}-t-${page.forward.timestep}.png` };
}

const ANIMATIONS = { gif: gifOf, film: filmOf };

/** From noise to the end. */
export async function exportAnimation(
  studio: Studio,
  kind: keyof typeof ANIMATIONS,
  sample: number | 'all',
  onprogress: (text: string) => void,
): Promise<Export> {
  const { run } = studio;
  const paint = painterOfRun(studio, sample);
  const frames = framesToShow(studio.playback.steps);
  const frame = async (index: number) => {
    const values = await studio.pixels('x_t', frames[index] ?? 0);
    if (studio.run !== run) throw new Error('The run was changed meanwhile.');
    return paint(values);
  };
  const file = await ANIMATIONS[kind](frames.length, frame, (done) => {
    onprogress(`Frame ${done} of ${frames.length}`);
  });
  // “video/mp4”, with its codecs behind it.
  const [, ending] = /\/(\w+)/.exec(file.type) ?? [];
  return { file, name: nameOf(studio, sample, `.${ending}`) };
}
