// 3×3 convolution for an adapter that is a processor: a thread makes 8×4 pixels
// of four output channels. There a load costs as much as several products of a
// vec4 and a matrix, so nine taps and six rows of input serve 288 of them; and a
// texel costs half of what a vec4 of a buffer does, hence textures. Sums that are
// written are costly as well: each is written once for four input channels, and
// what lies outside of the image is zero instead of being left out.
#import conv3x3
#import texel

@group(0) @binding(1) var x: texture_2d<f32>;       // (N, H, W, in_pitch)
@group(0) @binding(2) var weight: texture_2d<f32>;  // (3, 3, C_in, C_out/4)

const LANES: u32 = 8u;

// The three taps of a row of weights.
struct Taps {
    w0: Tap,
    w1: Tap,
    w2: Tap,
}

// Eight columns of a row of input and their neighbours.
struct Row {
    left: vec4<f32>,
    x: array<vec4<f32>, 8>,
    right: vec4<f32>,
}

fn weights(at: u32) -> vec4<f32> {
    return textureLoad(weight, texel(at), 0);
}

fn tap(at: u32) -> Tap {
    let next = p.out_channels;
    return Tap(weights(at), weights(at + next), weights(at + 2u * next), weights(at + 3u * next));
}

fn taps(at: u32, stride: u32) -> Taps {
    return Taps(tap(at), tap(at + stride), tap(at + 2u * stride));
}

fn input(at: u32, inside: bool) -> vec4<f32> {
    return select(vec4(0.0), textureLoad(x, texel(at), 0), inside);
}

// The row whose first column lies at `at`; `column` is that column in the image.
fn input_row(at: u32, column: u32, inside: bool) -> Row {
    let pitch = p.in_pitch;
    let left = select(0u, p.width - column, inside);
    return Row(
        input(at - pitch, inside && column > 0u),
        array(
            input(at, inside),
            input(at + pitch, left > 1u),
            input(at + 2u * pitch, left > 2u),
            input(at + 3u * pitch, left > 3u),
            input(at + 4u * pitch, left > 4u),
            input(at + 5u * pitch, left > 5u),
            input(at + 6u * pitch, left > 6u),
            input(at + 7u * pitch, left > 7u),
        ),
        input(at + 8u * pitch, left > 8u),
    );
}

// What a row of input adds to the first and to the last four pixels of a row.
fn first(t: Taps, r: Row) -> Pixels {
    return Pixels(
        t.w0 * r.left + t.w1 * r.x[0] + t.w2 * r.x[1],
        t.w0 * r.x[0] + t.w1 * r.x[1] + t.w2 * r.x[2],
        t.w0 * r.x[1] + t.w1 * r.x[2] + t.w2 * r.x[3],
        t.w0 * r.x[2] + t.w1 * r.x[3] + t.w2 * r.x[4],
    );
}

fn last(t: Taps, r: Row) -> Pixels {
    return Pixels(
        t.w0 * r.x[3] + t.w1 * r.x[4] + t.w2 * r.x[5],
        t.w0 * r.x[4] + t.w1 * r.x[5] + t.w2 * r.x[6],
        t.w0 * r.x[5] + t.w1 * r.x[6] + t.w2 * r.x[7],
        t.w0 * r.x[6] + t.w1 * r.x[7] + t.w2 * r.right,
    );
}

fn store_four(pixel: u32, channel: u32, values: Pixels, column: u32) {
    if column < p.width { store(pixel, channel, values[0]); }
    if column + 1u < p.width { store(pixel + 1u, channel, values[1]); }
    if column + 2u < p.width { store(pixel + 2u, channel, values[2]); }
    if column + 3u < p.width { store(pixel + 3u, channel, values[3]); }
}

fn store_row(pixel: u32, channel: u32, a: Pixels, b: Pixels, column: u32) {
    store_four(pixel, channel, a, column);
    store_four(pixel + 4u, channel, b, column + 4u);
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = workgroup.y * workgroups.x + workgroup.x;
    let blocks = (p.out_channels + LANES - 1u) / LANES;
    let across = (p.width + 7u) / 8u;
    let down = (p.height + 3u) / 4u;
    let channel = id % blocks * LANES + lane;
    let tile = id / blocks;
    let column = tile % across * 8u;
    let row = tile / across % down * 4u;
    let n = tile / (across * down);
    if n >= p.batch || channel >= p.out_channels {
        return;
    }

    var start = bias[channel];
    if p.temb_pitch != 0u {
        start += temb[n * p.temb_pitch + p.temb_offset + channel];
    }
    var a0 = Pixels(start, start, start, start);
    var a1 = a0;
    var a2 = a0;
    var a3 = a0;
    var b0 = a0;
    var b1 = a0;
    var b2 = a0;
    var b3 = a0;

    let line = p.width * p.in_pitch;
    let stride = p.in_channels * 4u * p.out_channels;
    // The row above the first may lie outside of the texture, and then it does not count.
    var at = ((n * p.height + row - 1u) * p.width + column) * p.in_pitch + p.in_offset;
    var w = channel;
    for (var c = 0u; c < p.in_channels; c++) {
        let top = taps(w, stride);
        let middle = taps(w + 3u * stride, stride);
        let bottom = taps(w + 6u * stride, stride);
        let r0 = input_row(at, column, row > 0u);
        let r1 = input_row(at + line, column, true);
        let r2 = input_row(at + 2u * line, column, row + 1u < p.height);
        a0 = a0 + first(top, r0) + first(middle, r1) + first(bottom, r2);
        b0 = b0 + last(top, r0) + last(middle, r1) + last(bottom, r2);
        let r3 = input_row(at + 3u * line, column, row + 2u < p.height);
        a1 = a1 + first(top, r1) + first(middle, r2) + first(bottom, r3);
        b1 = b1 + last(top, r1) + last(middle, r2) + last(bottom, r3);
        let r4 = input_row(at + 4u * line, column, row + 3u < p.height);
        a2 = a2 + first(top, r2) + first(middle, r3) + first(bottom, r4);
        b2 = b2 + last(top, r2) + last(middle, r3) + last(bottom, r4);
        let r5 = input_row(at + 5u * line, column, row + 4u < p.height);
        a3 = a3 + first(top, r3) + first(middle, r4) + first(bottom, r5);
        b3 = b3 + last(top, r3) + last(middle, r4) + last(bottom, r5);
        at += 1u;
        w += 4u * p.out_channels;
    }

    let pixel = (n * p.height + row) * p.width + column;
    store_row(pixel, channel, a0, b0, column);
    if row + 1u < p.height { store_row(pixel + p.width, channel, a1, b1, column); }
    if row + 2u < p.height { store_row(pixel + 2u * p.width, channel, a2, b2, column); }
    if row + 3u < p.height { store_row(pixel + 3u * p.width, channel, a3, b3, column); }
}
