// Attention, first part: scores = scale · Q Kᵀ for every head. A thread makes
// four keys of one query. Q, K and V stand side by side in each token, every
// head padded to whole vec4s.
#import grid

struct Params {
    batch: u32,
    tokens: u32,
    heads: u32,
    head_dim: u32,  // vec4s
    scale: f32,     // 1/√(head dimension)
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;       // (N, T, q|k|v, heads, head_dim)
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;    // (N, heads, T, T)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let tiles = (p.tokens + 3u) / 4u;
    let key = (id % tiles) * 4u;
    let query = (id / tiles) % p.tokens;
    let head = (id / (tiles * p.tokens)) % p.heads;
    let n = id / (tiles * p.tokens * p.heads);
    if n >= p.batch {
        return;
    }
    let part = p.heads * p.head_dim;
    let pitch = 3u * part;
    let last = p.tokens - 1u;
    let q = (n * p.tokens + query) * pitch + head * p.head_dim;
    let k = n * p.tokens * pitch + part + head * p.head_dim;
    let k0 = k + key * pitch;
    let k1 = k + min(key + 1u, last) * pitch;
    let k2 = k + min(key + 2u, last) * pitch;
    let k3 = k + min(key + 3u, last) * pitch;
    var sum = vec4(0.0);
    for (var d = 0u; d < p.head_dim; d++) {
        let a = qkv[q + d];
        sum += vec4(dot(a, qkv[k0 + d]), dot(a, qkv[k1 + d]), dot(a, qkv[k2 + d]), dot(a, qkv[k3 + d]));
    }
    sum *= p.scale;
    let at = ((n * p.heads + head) * p.tokens + query) * p.tokens + key;
    scores[at] = sum.x;
    if key + 1u < p.tokens { scores[at + 1u] = sum.y; }
    if key + 2u < p.tokens { scores[at + 2u] = sum.z; }
    if key + 3u < p.tokens { scores[at + 3u] = sum.w; }
}
