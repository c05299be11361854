// y = activate(factor·x + term): applies a group norm and its activation in one
// pass; without an affine it is the plain activation, or a copy.
#import grid
#import activation

struct Params {
    batch: u32,
    pixels: u32,
    channels: u32,      // channel counts, pitches and offsets in vec4s
    in_pitch: u32,
    in_offset: u32,
    out_pitch: u32,
    out_offset: u32,
    kind: u32,
    has_affine: u32,
    affine_pitch: u32,  // between samples; 0: one affine for all
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;        // (N, pixels, in_pitch)
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;   // (N, channels, factor|term)
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // (N, pixels, out_pitch)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let channel = id % p.channels;
    let pixel = id / p.channels;
    let n = pixel / p.pixels;
    if n >= p.batch {
        return;
    }
    var v = x[pixel * p.in_pitch + p.in_offset + channel];
    if p.has_affine != 0u {
        let at = n * p.affine_pitch + channel * 2u;
        v = v * affine[at] + affine[at + 1u];
    }
    y[pixel * p.out_pitch + p.out_offset + channel] = activate(p.kind, v);
}
