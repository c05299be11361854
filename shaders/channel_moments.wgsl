// Mean and sum of squared deviations of every channel over stretches of pixels, by
// Welford's method (1962): each number is loaded once, no thread waits for
// another, and nothing is lost to cancellation. `group_norm_merge` makes of them
// what `group_norm` makes of the image.
#import grid

struct Params {
    batch: u32,
    pixels: u32,
    stretch: u32,   // pixels that a thread takes
    channels: u32,  // channel count, pitch and offset in vec4s
    pitch: u32,
    offset: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;              // (N, pixels, pitch)
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;  // (N, stretches, channels, mean|squares)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let stretches = (p.pixels + p.stretch - 1u) / p.stretch;
    let channel = id % p.channels;
    let stretch = id / p.channels % stretches;
    let n = id / (p.channels * stretches);
    if n >= p.batch {
        return;
    }
    let first = stretch * p.stretch;
    let count = min(p.stretch, p.pixels - first);
    var at = (n * p.pixels + first) * p.pitch + p.offset + channel;
    var mean = vec4(0.0);
    var squares = vec4(0.0);
    for (var i = 1u; i <= count; i++) {
        let v = x[at];
        let d = v - mean;
        mean += d / f32(i);
        squares += d * (v - mean);
        at += p.pitch;
    }
    moments[2u * id] = mean;
    moments[2u * id + 1u] = squares;
}
