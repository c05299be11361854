// The forward process in closed form (Ho et al. 2020, eq. 4):
// x_t = √ᾱ_t·x0 + √(1 − ᾱ_t)·ε.
#import grid

struct Params {
    count: u32,   // vec4s
    signal: f32,  // √ᾱ_t
    noise: f32,   // √(1 − ᾱ_t)
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x0: array<vec4<f32>>;        // (N, H, W, C)
@group(0) @binding(2) var<storage, read> eps: array<vec4<f32>>;       // (N, H, W, C)
@group(0) @binding(3) var<storage, read_write> x_t: array<vec4<f32>>; // (N, H, W, C)

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
    x_t[id] = p.signal * x0[id] + p.noise * eps[id];
}
