/** The wasm package, `pkg/`. */
declare module '@engine' {
  import type { Engine as EngineSurface, Sampler } from './types';
  export type Engine = EngineSurface;
  export const Engine: { create(): Promise<EngineSurface> };
  /** Every sampler that draws pictures. */
  export function samplers(): Sampler[];
  export default function init(): Promise<unknown>;
}

/** Every model folder by name, from `build/models.ts`. */
declare module 'virtual:models' {
  import type { ModelFile } from './files';
  interface Model {
    description: string | null;
    kept: string | null;
    files: ModelFile[];
  }
  const models: Record<string, Model>;
  export default models;
}
