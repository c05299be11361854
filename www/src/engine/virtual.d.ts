/** The wasm package, `pkg/`. */
declare module '@engine' {
  import type { Engine as EngineSurface } from './types';
  export type Engine = EngineSurface;
  export const Engine: { create(): Promise<EngineSurface> };
  export default function init(): Promise<unknown>;
}

/** Every file of every model folder, from `build/models.ts`. */
declare module 'virtual:models' {
  const models: Record<string, { path: string; bytes: number; sha256: string }[]>;
  export default models;
}
