// Yardsticks beside the engine's own roof, for comparison with figures that were taken by them.

/** One vec4 a thread, a multiply-add a turn, each waiting for the one before. */
const LOOP_THREADS = 1 << 16;
const TURNS = 512;
const LOOP = `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4<f32>(f32(id.x % 16u));
    for (var turn = 0u; turn < ${TURNS}u; turn++) {
        a = fma(a, vec4(0.5), vec4(1.0));
    }
    y[id.x] = a;
}`;

/** A 3×3 convolution as one would write it first: four pixels of a row and a vec4 of channels a thread. */
const SIDE = 32;
const CHANNELS = 64;
const PIXELS = 4;
const each = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join('\n');
const CONVOLUTION = `
const FOURS = ${CHANNELS / 4}u;
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;

fn input(row: i32, column: i32, c: u32) -> vec4<f32> {
    if min(row, column) < 0 || max(row, column) >= ${SIDE} {
        return vec4(0.0);
    }
    return x[u32(row * ${SIDE} + column) * FOURS + c];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let out = id.x % FOURS;
    let pixel = id.x / FOURS * ${PIXELS}u;
    let row = i32(pixel / ${SIDE}u);
    let column = i32(pixel % ${SIDE}u);
    ${each(PIXELS, (p) => `var sum${p} = vec4(0.0);`)}
    for (var c = 0u; c < FOURS; c++) {
        ${each(3, (r) => each(PIXELS + 2, (p) => `let x${r}${p} = input(row + ${r} - 1, column + ${p} - 1, c);`))}
        ${each(
          9,
          (tap) => `{
            let at = (${tap}u * ${CHANNELS}u + 4u * c) * FOURS + out;
            let w = mat4x4(weight[at], weight[at + FOURS], weight[at + 2u * FOURS], weight[at + 3u * FOURS]);
            ${each(PIXELS, (p) => `sum${p} += w * x${Math.floor(tap / 3)}${p + (tap % 3)};`)}
        }`,
        )}
    }
    ${each(PIXELS, (p) => `y[(pixel + ${p}u) * FOURS + out] = sum${p};`)}
}`;

/** GFLOP/s, of so many submissions. */
export function loopRoof(submissions) {
  const buffers = [16 * LOOP_THREADS];
  return speed(LOOP, buffers, LOOP_THREADS / 64, LOOP_THREADS * TURNS * 4 * 2, submissions);
}

export function plainConvolution(submissions) {
  const image = 4 * SIDE * SIDE * CHANNELS;
  const buffers = [image, image, 4 * 9 * CHANNELS * CHANNELS];
  const groups = (SIDE * SIDE * CHANNELS) / 4 / PIXELS / 64;
  return speed(CONVOLUTION, buffers, groups, 2 * 9 * (CHANNELS * SIDE) ** 2, submissions);
}

async function speed(code, buffers, groups, flop, submissions) {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const made = buffers.map((size) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: made.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const run = async (times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(groups);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  await run(1);
  // What waiting itself takes is in both.
  const none = await run(1);
  const all = await run(1 + submissions);
  device.destroy();
  return (submissions * flop) / (all - none) / 1e6;
}
