// Attention of heads of up to 32 dimensions, all at once, for an adapter that is a processor: a
// thread makes four queries of a head and goes over the keys by fours. The softmax is carried along
// (Milakov & Gimelshein 2018): where a larger score turns up, what was summed before shrinks.
#import texel

struct Params {
    batch: u32,
    tokens: u32,
    heads: u32,
    head_dim: u32,  // vec4s, at most eight
    scale: f32,     // 1/√(head dimension)
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var qkv: texture_2d<f32>;                      // (N, T, q|k|v, heads, head_dim)
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // (N, T, heads, head_dim)

const WORKGROUP: u32 = 8u;
const LOWEST: f32 = -3.0e38;

// Four queries by four keys, or by four dimensions: a column a query.
alias Four = mat4x4<f32>;

fn load(at: u32) -> vec4<f32> {
    return textureLoad(qkv, texel(at), 0);
}

// Four dimensions of four tokens, a column a token.
fn rows(at: vec4<u32>) -> Four {
    return Four(load(at.x), load(at.y), load(at.z), load(at.w));
}

// Where four tokens begin; those past the end repeat the last one.
fn tokens(first: u32) -> vec4<u32> {
    return min(vec4(first) + vec4(0u, 1u, 2u, 3u), vec4(p.tokens - 1u)) * (3u * p.heads * p.head_dim);
}

fn scaled(m: Four, by: vec4<f32>) -> Four {
    return Four(m[0] * by.x, m[1] * by.y, m[2] * by.z, m[3] * by.w);
}

fn highest(v: vec4<f32>) -> f32 {
    return max(max(v.x, v.y), max(v.z, v.w));
}

fn store(query: u32, at: u32, values: Four) {
    let next = p.heads * p.head_dim;
    y[at] = values[0];
    if query + 1u < p.tokens { y[at + next] = values[1]; }
    if query + 2u < p.tokens { y[at + 2u * next] = values[2]; }
    if query + 3u < p.tokens { y[at + 3u * next] = values[3]; }
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (workgroup.y * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let fours = (p.tokens + 3u) / 4u;
    let query = id % fours * 4u;
    let head = id / fours % p.heads;
    let n = id / (fours * p.heads);
    if n >= p.batch {
        return;
    }
    let part = p.heads * p.head_dim;
    let start = n * p.tokens * 3u * part + head * p.head_dim;
    let q = start + tokens(query);
    var most = vec4(LOWEST);
    var sum = vec4(0.0);
    var sums = array<Four, 8>();
    for (var key = 0u; key < p.tokens; key += 4u) {
        let k = start + part + tokens(key);
        var s = Four();
        for (var d = 0u; d < p.head_dim; d++) {
            s += transpose(rows(k + d)) * rows(q + d);
        }
        // Keys past the end weigh nothing.
        let there = vec4(key) + vec4(0u, 1u, 2u, 3u) < vec4(p.tokens);
        let s0 = select(vec4(LOWEST), p.scale * s[0], there);
        let s1 = select(vec4(LOWEST), p.scale * s[1], there);
        let s2 = select(vec4(LOWEST), p.scale * s[2], there);
        let s3 = select(vec4(LOWEST), p.scale * s[3], there);
        let before = most;
        most = max(most, vec4(highest(s0), highest(s1), highest(s2), highest(s3)));
        let shrunk = exp(before - most);
        let w = Four(exp(s0 - most.x), exp(s1 - most.y), exp(s2 - most.z), exp(s3 - most.w));
        sum = sum * shrunk + vec4(1.0) * w;
        let v = k + part;
        for (var d = 0u; d < p.head_dim; d++) {
            sums[d] = scaled(sums[d], shrunk) + rows(v + d) * w;
        }
    }
    let share = 1.0 / sum;
    let to = (n * p.tokens + query) * part + head * p.head_dim;
    for (var d = 0u; d < p.head_dim; d++) {
        store(query, to + d, scaled(sums[d], share));
    }
}
