import { readSafetensors } from './safetensors.mjs';

/** A safetensors file of an input, and what PyTorch makes of it. */
export class Golden {
  static async fetch(net, batch) {
    const response = await fetch(`/nets/${net}/golden-${batch}.safetensors`);
    return new Golden(await response.arrayBuffer());
  }

  constructor(bytes) {
    this.bytes = new Uint8Array(bytes);
    this.tensors = readSafetensors(bytes);
  }
}

export function relativeError(got, want) {
  if (got.length !== want.length) return Infinity;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i] - want[i]);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(want[i]));
  }
  return worst / largest;
}
