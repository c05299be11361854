// Average pooling 2×2 with stride 2.
#import grid

struct Params {
    batch: u32,
    height: u32,      // of y
    width: u32,
    in_width: u32,
    in_height: u32,
    channels: u32,    // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;        // (N, in_height, in_width, in_pitch)
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
    let source = ((n * p.in_height + 2u * row) * p.in_width + 2u * column) * p.in_pitch + p.in_offset + channel;
    let below = source + p.in_width * p.in_pitch;
    y[id] = 0.25 * (x[source] + x[source + p.in_pitch] + x[below] + x[below + p.in_pitch]);
}
