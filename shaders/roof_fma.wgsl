// The roof of arithmetic, as far as plain WGSL reaches it: multiply-adds in
// registers, eight vec4s a thread that do not wait for one another, and nothing
// else. What other kernels reach is measured against it.
#import grid

struct Params {
    threads: u32,
    rounds: u32,   // of eight multiply-adds of each number
    factor: f32,
    term: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // (threads)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    if id >= p.threads {
        return;
    }
    let f = vec4(p.factor);
    let t = vec4(p.term);
    var a = vec4(f32(id % 16u));
    var b = a + 1.0;
    var c = a + 2.0;
    var d = a + 3.0;
    var e = a + 4.0;
    var g = a + 5.0;
    var h = a + 6.0;
    var i = a + 7.0;
    for (var round = 0u; round < p.rounds; round++) {
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
        a = a * f + t; b = b * f + t; c = c * f + t; d = d * f + t;
        e = e * f + t; g = g * f + t; h = h * f + t; i = i * f + t;
    }
    y[id] = a + b + c + d + e + g + h + i;
}
