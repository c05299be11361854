import models from 'virtual:models';
import { folderOf, neededFiles, totalBytes } from '../engine/files';
import type { Sampling } from './page-state';

export interface ShippedModel {
  name: string;
  description: string | null;
  /** What its runs start with, where that is not what others start with. */
  sampling: Sampling;
  /** What opening it fetches. */
  bytes: number;
  /** The address of a run that was kept, to play until the live one is there. */
  kept: string | null;
  /** The first digits of its weights' SHA-256: a link says which weights made its picture. */
  weights: string | null;
}

const WEIGHTS = /^(unet\/)?diffusion_pytorch_model\.safetensors$/;
/** A difference in size that nobody notices. */
const ALIKE_BYTES = 10_000;
const size = ({ bytes }: ShippedModel) => Math.round(bytes / ALIKE_BYTES);

/** The models that this page was built with, the smallest first: it is the one that starts. */
export const MODELS: readonly ShippedModel[] = Object.entries(models)
  .map(([name, { description, sampling, kept, files }]) => ({
    name,
    description,
    sampling,
    bytes: totalBytes(neededFiles(files)),
    kept: kept && `models/${name}/${kept}`,
    weights: files.find(({ path }) => WEIGHTS.test(path))?.sha256.slice(0, 8) ?? null,
  }))
  .sort((a, b) => size(a) - size(b) || a.name.localeCompare(b.name));

const shipped = (model: string) => MODELS.find(({ name }) => name === model);
export const keptRun = (model: string) => shipped(model)?.kept ?? null;
/** Where it is in Reverie's repository. */
export const shippedFolder = (model: string) =>
  folderOf(`www/models/${model}`, new Set(models[model]?.files.map(({ path }) => path)));
export const weightsOf = (model: string) => shipped(model)?.weights ?? null;
