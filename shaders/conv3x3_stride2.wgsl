// 3×3 convolution, stride 2: a thread makes 4×2 pixels of four output channels, so
// that the weights it loads serve eight pixels.
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

alias Pixels = mat4x4<f32>;
alias Tap = mat4x4<f32>;

fn tap(at: u32) -> Tap {
    let next = p.out_channels;
    return Tap(weight[at], weight[at + next], weight[at + 2u * next], weight[at + 3u * next]);
}

// The input at a column of a row that starts at `line`; `column` wraps far beyond
// the end where it lies before the first.
fn input(line: u32, column: u32) -> vec4<f32> {
    return select(vec4(0.0), x[line + column * p.in_pitch], column < p.in_width);
}

// What a row of input adds to four pixels: those of the columns from `column`.
fn row_of_taps(w0: Tap, w1: Tap, w2: Tap, line: u32, column: u32) -> Pixels {
    let x2 = input(line, column + 2u);
    let x4 = input(line, column + 4u);
    let x6 = input(line, column + 6u);
    return Pixels(
        w0 * input(line, column) + w1 * input(line, column + 1u) + w2 * x2,
        w0 * x2 + w1 * input(line, column + 3u) + w2 * x4,
        w0 * x4 + w1 * input(line, column + 5u) + w2 * x6,
        w0 * x6 + w1 * input(line, column + 7u) + w2 * input(line, column + 8u),
    );
}

fn store_row(n: u32, row: u32, column: u32, channel: u32, values: Pixels) {
    if row >= p.out_height {
        return;
    }
    let at = ((n * p.out_height + row) * p.out_width + column) * p.out_pitch + p.out_offset + channel;
    y[at] = values[0];
    if column + 1u < p.out_width { y[at + p.out_pitch] = values[1]; }
    if column + 2u < p.out_width { y[at + 2u * p.out_pitch] = values[2]; }
    if column + 3u < p.out_width { y[at + 3u * p.out_pitch] = values[3]; }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let across = (p.out_width + 3u) / 4u;
    let down = (p.out_height + 1u) / 2u;
    let channel = id % p.out_channels;
    let tile = id / p.out_channels;
    let column = tile % across * 4u;
    let row = tile / across % down * 2u;
    let n = tile / (across * down);
    if n >= p.batch {
        return;
    }

    let start = bias[channel];
    var r0 = Pixels(start, start, start, start);
    var r1 = r0;
    let stride = p.in_channels * 4u * p.out_channels;
    let in_column = 2u * column - p.pad;
    for (var ky = 0u; ky < 3u; ky++) {
        // Wraps far beyond the end where the tap lies before the first row.
        let in_row = 2u * row + ky - p.pad;
        let base = (n * p.in_height + in_row) * p.in_width * p.in_pitch + p.in_offset;
        let has0 = in_row < p.in_height;
        let has1 = in_row + 2u < p.in_height;
        var w = ky * 3u * stride + channel;
        for (var c = 0u; c < p.in_channels; c++) {
            let w0 = tap(w);
            let w1 = tap(w + stride);
            let w2 = tap(w + 2u * stride);
            if has0 { r0 += row_of_taps(w0, w1, w2, base + c, in_column); }
            if has1 { r1 += row_of_taps(w0, w1, w2, base + c + 2u * p.in_width * p.in_pitch, in_column); }
            w += 4u * p.out_channels;
        }
    }
    store_row(n, row, column, channel, r0);
    store_row(n, row + 1u, column, channel, r1);
}
