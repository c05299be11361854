/** A file of a model's folder, as the build saw it. */
export interface ModelFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** Only the self-test needs it, so it is fetched when that is asked for. */
export const GOLDEN = 'golden.safetensors';

const WEIGHTS = 'diffusion_pytorch_model.safetensors';

/** What a model is fetched as. */
export const neededFiles = (files: ModelFile[]) => files.filter((file) => file.path !== GOLDEN);

/** The network's config, in either layout of a folder. */
export const configOf = <T>(files: Map<string, T>) =>
  files.get('unet/config.json') ?? files.get('config.json');

/** Where a program finds a model, and how its folder is laid out. */
export interface Folder {
  path: string;
  /** The network's and the scheduler's files lie side by side, not in `unet/` and `scheduler/`. */
  flat: boolean;
  /** It says how it was noised; else that is as `DDPMScheduler()` does it. */
  scheduled: boolean;
}

/** A folder by the paths of its files. */
export function folderOf(path: string, files: { has: (file: string) => boolean }): Folder {
  const flat = !files.has('unet/config.json');
  const config = 'scheduler_config.json';
  return { path, flat, scheduled: files.has(flat ? config : `scheduler/${config}`) };
}

/** Whether it is the network's weights. */
export const isWeights = (file: ModelFile) => file.path.endsWith(WEIGHTS);

export const totalBytes = (files: ModelFile[]) => files.reduce((sum, file) => sum + file.bytes, 0);
