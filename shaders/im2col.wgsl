// What a 3×3 convolution of stride 2 multiplies with its weights: the nine neighbours of every
// output pixel side by side, which makes the convolution one product of matrices. A thread makes
// those of four channels. `pad` as in `conv3x3_stride2`.
#import texel

struct Params {
    batch: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    pad: u32,
    channels: u32,  // channels, pitch and offset in vec4s
    pitch: u32,
    offset: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;                        // (N, in_height, in_width, pitch)
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // (N, out_height, out_width, 9, channels)

const WORKGROUP: u32 = 16u;

// Rows and columns wrap far beyond the end where they lie before the first.
fn input(n: u32, row: u32, column: u32, channel: u32) -> vec4<f32> {
    let inside = row < p.in_height && column < p.in_width;
    let at = ((n * p.in_height + row) * p.in_width + column) * p.pitch + p.offset + channel;
    return select(vec4(0.0), textureLoad(x, texel(select(0u, at, inside)), 0), inside);
}

@compute @workgroup_size(16)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let channel = id % p.channels;
    let pixel = id / p.channels;
    let column = 2u * (pixel % p.out_width) - p.pad;
    let row = 2u * (pixel / p.out_width % p.out_height) - p.pad;
    let n = pixel / (p.out_width * p.out_height);
    if n >= p.batch {
        return;
    }
    for (var tap = 0u; tap < 9u; tap++) {
        let value = input(n, row + tap / 3u, column + tap % 3u, channel);
        y[(pixel * 9u + tap) * p.channels + channel] = value;
    }
}
