// 3×3 convolution, stride 1, zero padding 1, as an implicit GEMM in registers:
// a thread makes 4×4 neighbouring pixels of four output channels, so that every
// weight it loads serves sixteen pixels; on software adapters loads cost more
// than arithmetic, and barriers more than both, hence no workgroup memory. The
// epilogue adds bias, time embedding and residual, then scales.
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

// Pixels are the columns of a matrix: four in a row, four output channels each.
alias Pixels = mat4x4<f32>;
// Weights of one tap: four input channels to four output channels.
alias Tap = mat4x4<f32>;

fn store(pixel: u32, channel: u32, value: vec4<f32>) {
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[pixel * p.residual_pitch + p.residual_offset + channel];
    }
    y[pixel * p.out_pitch + p.out_offset + channel] = v * p.scale;
}

fn tap(at: u32) -> Tap {
    let next = p.out_channels;
    return Tap(weight[at], weight[at + next], weight[at + 2u * next], weight[at + 3u * next]);
}

// Which columns beside a tile's first lie inside the image.
struct Inside {
    left: bool,
    c1: bool,
    c2: bool,
    c3: bool,
    c4: bool,
}

// What one row of the input, `at` the tile's first column, adds to a row of pixels.
fn row_of_taps(w0: Tap, w1: Tap, w2: Tap, at: u32, inside: Inside) -> Pixels {
    let none = vec4(0.0);
    let left = select(none, x[at - p.in_pitch], inside.left);
    let x0 = x[at];
    let x1 = select(none, x[at + p.in_pitch], inside.c1);
    let x2 = select(none, x[at + 2u * p.in_pitch], inside.c2);
    let x3 = select(none, x[at + 3u * p.in_pitch], inside.c3);
    let x4 = select(none, x[at + 4u * p.in_pitch], inside.c4);
    return Pixels(
        w0 * left + w1 * x0 + w2 * x1,
        w0 * x0 + w1 * x1 + w2 * x2,
        w0 * x1 + w1 * x2 + w2 * x3,
        w0 * x2 + w1 * x3 + w2 * x4,
    );
}

fn store_row(pixel: u32, channel: u32, values: Pixels, inside: Inside) {
    store(pixel, channel, values[0]);
    if inside.c1 { store(pixel + 1u, channel, values[1]); }
    if inside.c2 { store(pixel + 2u, channel, values[2]); }
    if inside.c3 { store(pixel + 3u, channel, values[3]); }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let across = (p.width + 3u) / 4u;
    let down = (p.height + 3u) / 4u;
    let channel = id % p.out_channels;
    let tile = id / p.out_channels;
    let column = (tile % across) * 4u;
    let row = (tile / across) % down * 4u;
    let n = tile / (across * down);
    if n >= p.batch {
        return;
    }

    var start = bias[channel];
    if p.temb_pitch != 0u {
        start += temb[n * p.temb_pitch + p.temb_offset + channel];
    }
    var r0 = Pixels(start, start, start, start);
    var r1 = r0;
    var r2 = r0;
    var r3 = r0;

    let inside = Inside(
        column > 0u,
        column + 1u < p.width,
        column + 2u < p.width,
        column + 3u < p.width,
        column + 4u < p.width,
    );
    let line = p.width * p.in_pitch;
    let tap_stride = p.in_channels * 4u * p.out_channels;

    for (var ky = 0u; ky < 3u; ky++) {
        // Rows above the image wrap far beyond its height.
        let y0 = row + ky - 1u;
        let base = ((n * p.height + y0) * p.width + column) * p.in_pitch + p.in_offset;
        let has0 = y0 < p.height;
        let has1 = y0 + 1u < p.height;
        let has2 = y0 + 2u < p.height;
        let has3 = y0 + 3u < p.height;
        var w = ky * 3u * tap_stride + channel;
        for (var c = 0u; c < p.in_channels; c++) {
            let w0 = tap(w);
            let w1 = tap(w + tap_stride);
            let w2 = tap(w + 2u * tap_stride);
            let at = base + c;
            if has0 { r0 += row_of_taps(w0, w1, w2, at, inside); }
            if has1 { r1 += row_of_taps(w0, w1, w2, at + line, inside); }
            if has2 { r2 += row_of_taps(w0, w1, w2, at + 2u * line, inside); }
            if has3 { r3 += row_of_taps(w0, w1, w2, at + 3u * line, inside); }
            w += 4u * p.out_channels;
        }
    }

    let pixel = (n * p.height + row) * p.width + column;
    store_row(pixel, channel, r0, inside);
    if row + 1u < p.height { store_row(pixel + p.width, channel, r1, inside); }
    if row + 2u < p.height { store_row(pixel + 2u * p.width, channel, r2, inside); }
    if row + 3u < p.height { store_row(pixel + 3u * p.width, channel, r3, inside); }
}
