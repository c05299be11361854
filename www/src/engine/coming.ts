import models from 'virtual:models';
import { configOf, isWeights, type ModelFile } from './files';
import type { Download } from './protocol';
import { traced } from './startup';
import { Upload } from './upload';
import { fetchModel } from './weights';

/** A model that can be loaded; its bytes are also for an engine that takes this one's place. */
export interface Opened {
  weights: Map<string, Uint8Array>;
  files: ModelFile[];
  folder: URL;
}

/** A model on its way; its config is there before its weights, or `undefined` if it never will be. */
export interface Coming {
  config: Promise<string | undefined>;
  upload: Upload;
  opened: Promise<Opened>;
}

const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

/** Fetches a model of the page's own host. */
export function fetchShipped(
  name: string,
  base: string,
  onProgress: (download: Download) => void,
): Coming {
  const files = models[name]?.files;
  if (!files) throw new Error(`This page was built without the model “${name}”.`);
  const folder = new URL(`models/${name}/`, base);
  const upload = new Upload();
  const coming = fetchModel(files, folder, onProgress, (file, data, there) => {
    if (isWeights(file)) upload.arrive(data, there);
  });
  const config = Promise.resolve(configOf(coming)).then(textOf, () => undefined);
  const entries = [...coming].map(async ([path, data]) => [path, await data] as const);
  const whole = traced('weights', () => Promise.all(entries));
  const opened = whole.then((entries) => ({ weights: new Map(entries), files, folder }));
  return { config, upload, opened };
}

/** A model that somebody dropped on the page. */
export function dropped(weights: Map<string, Uint8Array>, base: string): Coming {
  const opened = { weights, files: [], folder: new URL(base) };
  const config = Promise.resolve(textOf(configOf(weights)));
  return { config, upload: new Upload(), opened: Promise.resolve(opened) };
}
