// 3×3 convolution, stride 1, zero padding 1, as an implicit GEMM in registers:
// a thread makes four neighbouring pixels of four output channels. There is no
// workgroup memory, because barriers cost more than reloads on software
// adapters. The epilogue adds bias, time embedding and residual, then scales.
#import grid

struct Params {
    batch: u32,
    height: u32,
    width: u32,
    in_channels: u32,     // all channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_channels: u32,
    out_pitch: u32,
    out_offset: u32,
    temb_pitch: u32,      // 0: no time embedding
    temb_offset: u32,
    residual_pitch: u32,  // 0: no residual
    residual_offset: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // (N, H, W, in_pitch)
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;    // (3, 3, C_in, C_out/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // (C_out/4)
@group(0) @binding(4) var<storage, read> temb: array<vec4<f32>>;      // (N, temb_pitch)
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;  // (N, H, W, residual_pitch)
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;   // (N, H, W, out_pitch)

fn store(pixel: u32, channel: u32, value: vec4<f32>) {
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[pixel * p.residual_pitch + p.residual_offset + channel];
    }
    y[pixel * p.out_pitch + p.out_offset + channel] = v * p.scale;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let tiles = (p.width + 3u) / 4u;
    let channel = id % p.out_channels;
    let tile = id / p.out_channels;
    let column = (tile % tiles) * 4u;
    let row = (tile / tiles) % p.height;
    let n = tile / (tiles * p.height);
    if n >= p.batch {
        return;
    }

    var start = bias[channel];
    if p.temb_pitch != 0u {
        start += temb[n * p.temb_pitch + p.temb_offset + channel];
    }
    var a0 = start;
    var a1 = start;
    var a2 = start;
    var a3 = start;

    let has_left = column > 0u;
    let has1 = column + 1u < p.width;
    let has2 = column + 2u < p.width;
    let has3 = column + 3u < p.width;
    let has4 = column + 4u < p.width;
    let none = vec4(0.0);
    let tap = p.in_channels * 4u * p.out_channels;

    for (var ky = 0u; ky < 3u; ky++) {
        // row + ky − 1 without going below zero; the sum wraps back for ky ≥ 1.
        let in_row = row + ky - 1u;
        if in_row >= p.height {
            continue;
        }
        let base = ((n * p.height + in_row) * p.width + column) * p.in_pitch + p.in_offset;
        var w = ky * 3u * tap + channel;
        for (var c = 0u; c < p.in_channels; c++) {
            let at = base + c;
            let left = select(none, x[at - p.in_pitch], has_left);
            let x0 = x[at];
            let x1 = select(none, x[at + p.in_pitch], has1);
            let x2 = select(none, x[at + 2u * p.in_pitch], has2);
            let x3 = select(none, x[at + 3u * p.in_pitch], has3);
            let x4 = select(none, x[at + 4u * p.in_pitch], has4);

            var m = mat4x4(weight[w], weight[w + p.out_channels], weight[w + 2u * p.out_channels], weight[w + 3u * p.out_channels]);
            a0 += m * left;
            a1 += m * x0;
            a2 += m * x1;
            a3 += m * x2;
            let w1 = w + tap;
            m = mat4x4(weight[w1], weight[w1 + p.out_channels], weight[w1 + 2u * p.out_channels], weight[w1 + 3u * p.out_channels]);
            a0 += m * x0;
            a1 += m * x1;
            a2 += m * x2;
            a3 += m * x3;
            let w2 = w1 + tap;
            m = mat4x4(weight[w2], weight[w2 + p.out_channels], weight[w2 + 2u * p.out_channels], weight[w2 + 3u * p.out_channels]);
            a0 += m * x1;
            a1 += m * x2;
            a2 += m * x3;
            a3 += m * x4;
            w += 4u * p.out_channels;
        }
    }

    let pixel = (n * p.height + row) * p.width + column;
    store(pixel, channel, a0);
    if has1 { store(pixel + 1u, channel, a1); }
    if has2 { store(pixel + 2u, channel, a2); }
    if has3 { store(pixel + 3u, channel, a3); }
}
