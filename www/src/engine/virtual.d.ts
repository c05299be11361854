/** The wasm package, `pkg/`. */
declare module '@engine' {
  import type { Engine as EngineSurface, Histogram, Sampler } from './types';
  export type Engine = EngineSurface;
  export const Engine: { create(): Promise<EngineSurface> };
  /** Every sampler that draws pictures. */
  export function samplers(): Sampler[];
  /** How a picture's values are spread. */
  export function histogram(values: Float32Array): Histogram;
  /** The variance of NCHW values over their samples, of every pixel. */
  export function variance(values: Float32Array, samples: number, channels: number): Float32Array;
  /** The root mean square of every picture's distance from a reference of as many values. */
  export function distances(pictures: Float32Array, reference: Float32Array): Float32Array;
  export default function init(): Promise<unknown>;
}

/** The same on the CPU, `pkg/cpu/`; without a build of its own it is the other one. */
declare module '@cpu-engine' {
  export * from '@engine';
  export { default } from '@engine';
}

/** The twins of the kernels; without a build of their own they are in the engine's. */
declare module '@twins' {
  import type { TwinCase } from './proof';
  export function cases(kernel: string): TwinCase[];
  export default function init(): Promise<unknown>;
}

/** Every model folder by name, from `build/models.ts`. */
declare module 'virtual:models' {
  import type { ModelFile } from './files';
  const models: Record<
    string,
    {
      description: string | null;
      sampling: { sampler?: string; steps?: number; eta?: number; guidance_scale?: number };
      kept: string | null;
      files: ModelFile[];
    }
  >;
  export default models;
}
