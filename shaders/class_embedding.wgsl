// Rows of an embedding table: y[n] = table[label[n]].
#import grid

struct Params {
    rows: u32,
    channels: u32,  // vec4s
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> label: array<u32>;          // (rows)
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;    // (classes, channels)
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;  // (rows, channels)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let row = id / p.channels;
    if row >= p.rows {
        return;
    }
    y[id] = table[label[row] * p.channels + id % p.channels];
}
