// Attention's scores as `attention_scores` makes them, for an adapter that is a processor: a thread
// makes four keys of four queries, so that eight texels serve sixteen products.
#import texel

struct Params {
    batch: u32,
    tokens: u32,
    heads: u32,
    head_dim: u32,  // vec4s
    scale: f32,     // 1/√(head dimension)
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var qkv: texture_2d<f32>;                     // (N, T, q|k|v, heads, head_dim)
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;  // (N, heads, T, T)

const WORKGROUP: u32 = 16u;

fn load(at: u32) -> vec4<f32> {
    return textureLoad(qkv, texel(at), 0);
}

// Four tokens; those past the end repeat the last one.
fn tokens(first: u32) -> vec4<u32> {
    return min(vec4(first) + vec4(0u, 1u, 2u, 3u), vec4(p.tokens - 1u));
}

fn store(at: u32, key: u32, sums: vec4<f32>) {
    let scaled = p.scale * sums;
    scores[at] = scaled.x;
    if key + 1u < p.tokens { scores[at + 1u] = scaled.y; }
    if key + 2u < p.tokens { scores[at + 2u] = scaled.z; }
    if key + 3u < p.tokens { scores[at + 3u] = scaled.w; }
}

@compute @workgroup_size(16)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let tiles = (p.tokens + 3u) / 4u;
    let key = id % tiles * 4u;
    let query = id / tiles % tiles * 4u;
    let head = id / (tiles * tiles) % p.heads;
    let n = id / (tiles * tiles * p.heads);
    if n >= p.batch {
        return;
    }
    let part = p.heads * p.head_dim;
    let start = n * p.tokens * 3u * part + head * p.head_dim;
    let q = start + tokens(query) * 3u * part;
    let k = start + part + tokens(key) * 3u * part;
    var s0 = vec4(0.0);
    var s1 = vec4(0.0);
    var s2 = vec4(0.0);
    var s3 = vec4(0.0);
    for (var d = 0u; d < p.head_dim; d++) {
        // A row of keys times a query: its product with each.
        let keys = transpose(mat4x4(load(k.x + d), load(k.y + d), load(k.z + d), load(k.w + d)));
        s0 += keys * load(q.x + d);
        s1 += keys * load(q.y + d);
        s2 += keys * load(q.z + d);
        s3 += keys * load(q.w + d);
    }
    let at = ((n * p.heads + head) * p.tokens + query) * p.tokens + key;
    store(at, key, s0);
    if query + 1u < p.tokens { store(at + p.tokens, key, s1); }
    if query + 2u < p.tokens { store(at + 2u * p.tokens, key, s2); }
    if query + 3u < p.tokens { store(at + 3u * p.tokens, key, s3); }
}
