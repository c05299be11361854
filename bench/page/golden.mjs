const ARRAYS = { F32: ['float32', Float32Array], I64: ['int64', BigInt64Array] };

/** A safetensors file of an input, and what PyTorch makes of it. */
export class Golden {
  static async fetch(net, batch) {
    const response = await fetch(`/nets/${net}/golden-${batch}.safetensors`);
    return new Golden(await response.arrayBuffer());
  }

  constructor(bytes) {
    this.bytes = new Uint8Array(bytes);
    const length = Number(new DataView(bytes).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(this.bytes.subarray(8, 8 + length)));
    this.tensors = {};
    for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      const [type, Array] = ARRAYS[dtype];
      const data = new Array(bytes.slice(8 + length + from, 8 + length + to));
      this.tensors[name] = { type, shape, data };
    }
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
