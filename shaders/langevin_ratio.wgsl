// What a Langevin corrector's step goes by: snr·‖z‖/‖ε̂‖, where the score is −ε̂/σ
// (Song et al. 2021, algorithms 4 and 5). A workgroup takes a sample; with `all` the
// norms are means over the batch, as diffusers has them.
#import workgroup_sum

struct Params {
    batch: u32,
    pixels: u32,
    channels: u32,
    pitch: u32,        // floats of a pixel
    eps_offset: u32,   // of ε̂ among the registers, in floats
    all: u32,          // 0 or 1
    snr: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> registers: array<f32>;   // (R, N, H, W, pitch)
@group(0) @binding(2) var<storage, read> noise: array<f32>;       // (N, H, W, pitch)
@group(0) @binding(3) var<storage, read_write> ratio: array<f32>; // (N)

// ‖z‖ and ‖ε̂‖ of a sample.
fn norms(n: u32, lane: u32) -> vec2<f32> {
    var mine = vec2(0.0);
    for (var i = lane; i < p.pixels * p.channels; i += 256u) {
        let at = (n * p.pixels + i / p.channels) * p.pitch + i % p.channels;
        let values = vec2(noise[at], registers[p.eps_offset + at]);
        mine += values * values;
    }
    return sqrt(workgroup_sum(lane, mine));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = select(workgroup.x, 0u, p.all == 1u);
    let end = select(workgroup.x + 1u, p.batch, p.all == 1u);
    var sum = vec2(0.0);
    for (var n = first; n < end; n++) {
        sum += norms(n, lane);
    }
    if lane == 0u {
        ratio[workgroup.x] = p.snr * sum.x / sum.y;
    }
}
