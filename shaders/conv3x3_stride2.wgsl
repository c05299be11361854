// 3×3 convolution, stride 2: a thread makes one pixel of four output channels.
// `pad` is the zero padding before the first row and column: 1 for symmetric
// padding, 0 for the asymmetric one that pads right and bottom only
// (downsample_padding 0 of UNet2DModel). Beyond the end everything is zero.
#import grid

struct Params {
    batch: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    pad: u32,
    in_channels: u32,   // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_channels: u32,
    out_pitch: u32,
    out_offset: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;        // (N, in_height, in_width, in_pitch)
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;   // (3, 3, C_in, C_out/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;     // (C_out/4)
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;  // (N, out_height, out_width, out_pitch)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let channel = id % p.out_channels;
    let pixel = id / p.out_channels;
    let column = pixel % p.out_width;
    let row = (pixel / p.out_width) % p.out_height;
    let n = pixel / (p.out_width * p.out_height);
    if n >= p.batch {
        return;
    }

    var sum = bias[channel];
    for (var ky = 0u; ky < 3u; ky++) {
        for (var kx = 0u; kx < 3u; kx++) {
            // Wraps far beyond the end where the tap lies before the first pixel.
            let in_row = 2u * row + ky - p.pad;
            let in_column = 2u * column + kx - p.pad;
            if in_row >= p.in_height || in_column >= p.in_width {
                continue;
            }
            let at = ((n * p.in_height + in_row) * p.in_width + in_column) * p.in_pitch + p.in_offset;
            var w = (ky * 3u + kx) * p.in_channels * 4u * p.out_channels + channel;
            for (var c = 0u; c < p.in_channels; c++) {
                sum += mat4x4(weight[w], weight[w + p.out_channels], weight[w + 2u * p.out_channels], weight[w + 3u * p.out_channels]) * x[at + c];
                w += 4u * p.out_channels;
            }
        }
    }
    y[pixel * p.out_pitch + p.out_offset + channel] = sum;
}
