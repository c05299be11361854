const ARRAYS = {
  F16: ['float16', Float16Array],
  F32: ['float32', Float32Array],
  I64: ['int64', BigInt64Array],
};

/** The tensors of a file by name: each a `type`, a `shape` and its `data`. */
export function readSafetensors(bytes) {
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  delete header.__metadata__;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const [type, Array] = ARRAYS[dtype];
    const data = new Array(bytes.slice(8 + length + from, 8 + length + to));
    tensors[name] = { type, shape, data };
  }
  return tensors;
}
