import models from 'virtual:models';
import { neededFiles, totalBytes } from '../engine/files';

export interface ShippedModel {
  name: string;
  description: string | null;
  /** What opening it fetches. */
  bytes: number;
}

/** The models that this page was built with, the smallest first: it is the one that starts. */
export const MODELS: readonly ShippedModel[] = Object.entries(models)
  .map(([name, { description, files }]) => ({
    name,
    description,
    bytes: totalBytes(neededFiles(files)),
  }))
  .sort((a, b) => a.bytes - b.bytes);
