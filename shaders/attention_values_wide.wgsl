// Attention's output as `attention_values` makes it, for an adapter that is a processor: a thread
// makes four dimensions of four queries, so that eight texels serve sixteen products. Tokens come in
// fours.
#import texel

struct Params {
    batch: u32,
    tokens: u32,
    heads: u32,
    head_dim: u32,  // vec4s
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var qkv: texture_2d<f32>;                      // (N, T, q|k|v, heads, head_dim)
@group(0) @binding(2) var weights: texture_2d<f32>;                  // (N, heads, T, T/4)
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // (N, T, heads, head_dim)

const WORKGROUP: u32 = 16u;

fn value(at: u32) -> vec4<f32> {
    return textureLoad(qkv, texel(at), 0);
}

// A query's weights of four keys.
fn four(at: u32) -> vec4<f32> {
    return textureLoad(weights, texel(at), 0);
}

@compute @workgroup_size(16)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let part = p.heads * p.head_dim;
    let fours = p.tokens / 4u;
    let column = id % part;
    let query = id / part % fours * 4u;
    let n = id / (part * fours);
    if n >= p.batch {
        return;
    }
    let head = column / p.head_dim;
    let pitch = 3u * part;
    let weight = ((n * p.heads + head) * p.tokens + query) * fours;
    var at = n * p.tokens * pitch + 2u * part + column;
    var y0 = vec4(0.0);
    var y1 = vec4(0.0);
    var y2 = vec4(0.0);
    var y3 = vec4(0.0);
    for (var key = 0u; key < fours; key++) {
        let values = mat4x4(value(at), value(at + pitch), value(at + 2u * pitch), value(at + 3u * pitch));
        y0 += values * four(weight + key);
        y1 += values * four(weight + fours + key);
        y2 += values * four(weight + 2u * fours + key);
        y3 += values * four(weight + 3u * fours + key);
        at += 4u * pitch;
    }
    let to = (n * p.tokens + query) * part + column;
    y[to] = y0;
    y[to + part] = y1;
    y[to + 2u * part] = y2;
    y[to + 3u * part] = y3;
}
