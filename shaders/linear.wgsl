// A linear layer, or a 1×1 convolution: (rows, C_in) × (C_in, C_out). A thread
// makes four rows of four output channels; the epilogue adds bias and residual,
// then scales.
#import grid

struct Params {
    rows: u32,
    in_channels: u32,     // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_channels: u32,
    out_pitch: u32,
    out_offset: u32,
    residual_pitch: u32,  // 0: no residual
    residual_offset: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // (rows, in_pitch)
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;    // (C_in, C_out/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // (C_out/4)
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;  // (rows, residual_pitch)
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;   // (rows, out_pitch)

fn store(row: u32, channel: u32, value: vec4<f32>) {
    if row >= p.rows {
        return;
    }
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[row * p.residual_pitch + p.residual_offset + channel];
    }
    y[row * p.out_pitch + p.out_offset + channel] = v * p.scale;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let channel = id % p.out_channels;
    let row = (id / p.out_channels) * 4u;
    if row >= p.rows {
        return;
    }
    var a0 = bias[channel];
    var a1 = a0;
    var a2 = a0;
    var a3 = a0;
    // Rows past the end repeat the last one; `store` drops them.
    let last = p.rows - 1u;
    let r0 = row * p.in_pitch + p.in_offset;
    let r1 = min(row + 1u, last) * p.in_pitch + p.in_offset;
    let r2 = min(row + 2u, last) * p.in_pitch + p.in_offset;
    let r3 = min(row + 3u, last) * p.in_pitch + p.in_offset;
    var w = channel;
    for (var c = 0u; c < p.in_channels; c++) {
        let m = mat4x4(weight[w], weight[w + p.out_channels], weight[w + 2u * p.out_channels], weight[w + 3u * p.out_channels]);
        a0 += m * x[r0 + c];
        a1 += m * x[r1 + c];
        a2 += m * x[r2 + c];
        a3 += m * x[r3 + c];
        w += 4u * p.out_channels;
    }
    store(row, channel, a0);
    store(row + 1u, channel, a1);
    store(row + 2u, channel, a2);
    store(row + 3u, channel, a3);
}
