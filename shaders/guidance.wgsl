// Classifier-free guidance (Ho & Salimans 2022): ε = ε_u + s·(ε_c − ε_u). The
// batch holds the conditional predictions first, the unconditional ones behind.
// A learned variance, in the channels beyond `channels`, stays the conditional's.
#import grid

struct Params {
    count: u32,     // floats of the conditional half
    pitch: u32,     // floats of a pixel
    channels: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // (2, N, H, W, pitch)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // (N, H, W, pitch)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    if id >= p.count {
        return;
    }
    let conditional = x[id];
    let unconditional = x[p.count + id];
    let guided = unconditional + p.scale * (conditional - unconditional);
    y[id] = select(conditional, guided, id % p.pitch < p.channels);
}
