// Nearest-neighbour upsampling by two: y[r, c] = x[r/2, c/2].
#import grid

struct Params {
    batch: u32,
    height: u32,      // of y
    width: u32,
    channels: u32,    // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;        // (N, H/2, W/2, in_pitch)
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // (N, H, W, channels)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let channel = id % p.channels;
    let pixel = id / p.channels;
    let column = pixel % p.width;
    let row = (pixel / p.width) % p.height;
    let n = pixel / (p.width * p.height);
    if n >= p.batch {
        return;
    }
    let source = (n * p.height / 2u + row / 2u) * (p.width / 2u) + column / 2u;
    y[id] = x[source * p.in_pitch + p.in_offset + channel];
}
