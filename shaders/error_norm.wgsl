// How an adaptive step's error compares with what is allowed, for each sample:
// √mean((e/(atol + rtol·max(|x|, |x'|)))²), at most 1 where the step may stand
// (Hairer, Nørsett, Wanner: Solving ODEs I, eq. II.4.11). A workgroup takes a sample.
#import workgroup_sum

struct Params {
    batch: u32,
    pixels: u32,
    channels: u32,
    pitch: u32,          // floats of a pixel
    start_offset: u32,   // of x, x' and e among the registers, in floats
    end_offset: u32,
    error_offset: u32,
    absolute: f32,
    relative: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> registers: array<f32>;   // (R, N, H, W, pitch)
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;  // (N)

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = workgroup.x;
    let count = p.pixels * p.channels;
    var sum = 0.0;
    for (var i = lane; i < count; i += 256u) {
        let at = (n * p.pixels + i / p.channels) * p.pitch + i % p.channels;
        let size = max(abs(registers[p.start_offset + at]), abs(registers[p.end_offset + at]));
        let share = registers[p.error_offset + at] / (p.absolute + p.relative * size);
        sum += share * share;
    }
    let total = workgroup_sum(lane, vec2(sum, 0.0)).x;
    if lane == 0u {
        norm[n] = sqrt(total / f32(count));
    }
}
