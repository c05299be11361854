// What the variants of the matrix product have in common. Four rows of input are the columns of a
// matrix, so that a block of weights times such a matrix is what it adds to four rows of output.
#import texel

struct Params {
    products: u32,        // of as many rows, one after the other
    rows: u32,
    in_channels: u32,     // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_channels: u32,
    out_pitch: u32,
    out_offset: u32,
    residual_pitch: u32,  // 0: no residual
    residual_offset: u32,
    has_bias: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;                         // (products, rows, in_pitch)
@group(0) @binding(2) var weight: texture_2d<f32>;                    // (products, C_in, C_out/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // (C_out/4)
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;  // (products, rows, residual_pitch)
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;   // (products, rows, out_pitch)

alias Rows = mat4x4<f32>;
// Weights of four input channels to four output channels.
alias Block = mat4x4<f32>;

const WORKGROUP: u32 = 8u;

// What a thread makes: some rows from the first on, and four vec4s of channels.
struct Place {
    product: u32,
    row: u32,
    channel: u32,
}

fn place(id: u32, rows: u32) -> Place {
    let across = (p.out_channels + 3u) / 4u;
    let down = (p.rows + rows - 1u) / rows;
    return Place(id / (across * down), id / across % down * rows, id % across * 4u);
}

// Where four rows begin. Those past the end repeat the last one; `store_rows` drops them.
fn starts(product: u32, row: u32) -> vec4<u32> {
    let rows = min(vec4(row) + vec4(0u, 1u, 2u, 3u), vec4(p.rows - 1u));
    return (product * p.rows + rows) * p.in_pitch + p.in_offset;
}

fn input(at: u32) -> vec4<f32> {
    return textureLoad(x, texel(at), 0);
}

fn rows_at(starts: vec4<u32>, c: u32) -> Rows {
    return Rows(input(starts.x + c), input(starts.y + c), input(starts.z + c), input(starts.w + c));
}

fn weights(at: u32) -> vec4<f32> {
    return textureLoad(weight, texel(at), 0);
}

fn block(at: u32) -> Block {
    let next = p.out_channels;
    return Block(weights(at), weights(at + next), weights(at + 2u * next), weights(at + 3u * next));
}

// Channels past the end repeat the last one.
fn clamped(channel: u32) -> u32 {
    return min(channel, p.out_channels - 1u);
}

fn start(channel: u32) -> Rows {
    if p.has_bias == 0u {
        return Rows();
    }
    let b = bias[channel];
    return Rows(b, b, b, b);
}

fn store(row: u32, channel: u32, value: vec4<f32>) {
    var v = value;
    if p.residual_pitch != 0u {
        v += residual[row * p.residual_pitch + p.residual_offset + channel];
    }
    y[row * p.out_pitch + p.out_offset + channel] = v * p.scale;
}

fn store_rows(place: Place, row: u32, channel: u32, values: Rows) {
    if channel >= p.out_channels || row >= p.rows {
        return;
    }
    let at = place.product * p.rows + row;
    store(at, channel, values[0]);
    if row + 1u < p.rows { store(at + 1u, channel, values[1]); }
    if row + 2u < p.rows { store(at + 2u, channel, values[2]); }
    if row + 3u < p.rows { store(at + 3u, channel, values[3]); }
}
