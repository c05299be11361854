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

/** Whether it is the network's weights. */
export const isWeights = (file: ModelFile) => file.path.endsWith(WEIGHTS);

export const totalBytes = (files: ModelFile[]) => files.reduce((sum, file) => sum + file.bytes, 0);
