// Attention, last part: out = weights · V for every head. A thread makes four
// dimensions of one query's output.
#import grid

struct Params {
    batch: u32,
    tokens: u32,
    heads: u32,
    head_dim: u32,  // vec4s
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;      // (N, T, q|k|v, heads, head_dim)
@group(0) @binding(2) var<storage, read> weights: array<f32>;        // (N, heads, T, T)
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // (N, T, heads, head_dim)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let part = p.heads * p.head_dim;
    let column = id % part;
    let query = (id / part) % p.tokens;
    let n = id / (part * p.tokens);
    if n >= p.batch {
        return;
    }
    let head = column / p.head_dim;
    let pitch = 3u * part;
    let weight = ((n * p.heads + head) * p.tokens + query) * p.tokens;
    let value = n * p.tokens * pitch + 2u * part + column;
    var sum = vec4(0.0);
    for (var key = 0u; key < p.tokens; key++) {
        sum += weights[weight + key] * qkv[value + key * pitch];
    }
    y[id] = sum;
}
