// What the network sees: a register over a divisor; twice over where guidance asks for
// the conditional and the unconditional prediction in one batch.
#import grid

struct Params {
    count: u32,     // vec4s of one register
    copies: u32,    // 1, or 2 with guidance
    offset: u32,    // of the register, in vec4s
    divisor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> registers: array<vec4<f32>>;  // (R, N, H, W, C)
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // (copies, N, H, W, C)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    if id >= p.count * p.copies {
        return;
    }
    y[id] = registers[p.offset + id % p.count] / p.divisor;
}
