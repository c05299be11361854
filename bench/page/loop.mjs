// The roof as a loop finds it that is written without a thought for the machine: one vec4 a thread, a
// multiply-add a turn, each waiting for the one before. Beside the engine's own roof, for comparison with
// figures that were taken so.
const THREADS = 1 << 16;
const TURNS = 512;
const SHADER = `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4<f32>(f32(id.x % 16u));
    for (var turn = 0u; turn < ${TURNS}u; turn++) {
        a = fma(a, vec4(0.5), vec4(1.0));
    }
    y[id.x] = a;
}`;

/** GFLOP/s, of so many submissions. */
export async function loopRoof(submissions) {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: SHADER }) },
  });
  const y = device.createBuffer({ size: 16 * THREADS, usage: GPUBufferUsage.STORAGE });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: y } }],
  });
  const run = async (times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(THREADS / 64);
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
  return (submissions * THREADS * TURNS * 4 * 2) / (all - none) / 1e6;
}
