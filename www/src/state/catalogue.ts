import models from 'virtual:models';
import { neededFiles, totalBytes } from '../engine/files';

export interface ShippedModel {
  name: string;
  description: string | null;
  /** What opening it fetches. */
  bytes: number;
}

/** A difference in size that nobody notices. */
const ALIKE_BYTES = 10_000;
const size = ({ bytes }: ShippedModel) => Math.round(bytes / ALIKE_BYTES);

/** The models that this page was built with, the smallest first: it is the one that starts. */
export const MODELS: readonly ShippedModel[] = Object.entries(models)
  .map(([name, { description, files }]) => ({
    name,
    description,
    bytes: totalBytes(neededFiles(files)),
  }))
  .sort((a, b) => size(a) - size(b) || a.name.localeCompare(b.name));
