/** The wasm package, `pkg/`. */
declare module '@engine' {
  import type { Engine as EngineSurface } from './types';
  export type Engine = EngineSurface;
  export const Engine: { create(): Promise<EngineSurface> };
  export default function init(): Promise<unknown>;
}

/** Every model folder by name, from `build/models.ts`. */
declare module 'virtual:models' {
  import type { ModelFile } from './files';
  const models: Record<string, { description: string | null; files: ModelFile[] }>;
  export default models;
}
