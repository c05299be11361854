// Imagen's dynamic threshold (Saharia et al. 2022, §2.3): for each sample
// s = clamp(quantile(|x̂0|), 1, max). A workgroup finds the quantile's two ranks
// exactly, by bisection over the bits of |x̂0| (positive floats sort as integers
// do), and interpolates as torch.quantile.

struct Params {
    batch: u32,
    count: u32,           // values of one sample: pixels × channels
    channels: u32,
    pitch: u32,           // floats of a register's pixel
    output_pitch: u32,    // floats of an output's pixel
    pixels: u32,
    input_offset: u32,    // of the register, in floats
    ratio: f32,
    max: f32,
    x0_from_input: f32,
    x0_from_output: f32,
    x0_divisor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> registers: array<f32>;  // (R, N, H, W, pitch)
@group(0) @binding(2) var<storage, read> output: array<f32>;     // (N, H, W, output_pitch)
@group(0) @binding(3) var<storage, read_write> s: array<f32>;    // (N)

const LANES: u32 = 256u;
var<workgroup> counter: atomic<u32>;
var<workgroup> smallest: atomic<u32>;

fn magnitude(n: u32, i: u32) -> u32 {
    let pixel = n * p.pixels + i / p.channels;
    let channel = i % p.channels;
    let x = registers[p.input_offset + pixel * p.pitch + channel];
    let m = output[pixel * p.output_pitch + channel];
    return bitcast<u32>(abs((p.x0_from_input * x + p.x0_from_output * m) / p.x0_divisor));
}

// How many values of the sample lie below `bound`.
fn count_below(n: u32, lane: u32, bound: u32) -> u32 {
    if lane == 0u {
        atomicStore(&counter, 0u);
    }
    workgroupBarrier();
    var mine = 0u;
    for (var i = lane; i < p.count; i += LANES) {
        mine += select(0u, 1u, magnitude(n, i) < bound);
    }
    atomicAdd(&counter, mine);
    workgroupBarrier();
    let all = atomicLoad(&counter);
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = workgroup.x;
    let rank = p.ratio * f32(p.count - 1u);
    let below = u32(floor(rank));

    // The largest bit pattern with at most `below` values under it is the value
    // of that rank.
    var value = 0u;
    for (var bit = 0u; bit < 31u; bit++) {
        let candidate = value | (1u << (30u - bit));
        if count_below(n, lane, candidate) <= below {
            value = candidate;
        }
    }

    // The next rank: the same value again, or the smallest one above it.
    let through = count_below(n, lane, value + 1u);
    if lane == 0u {
        atomicStore(&smallest, 0x7f7fffffu);
    }
    workgroupBarrier();
    for (var i = lane; i < p.count; i += LANES) {
        let other = magnitude(n, i);
        if other > value {
            atomicMin(&smallest, other);
        }
    }
    workgroupBarrier();
    if lane == 0u {
        let low = bitcast<f32>(value);
        let next = bitcast<f32>(atomicLoad(&smallest));
        let high = select(next, low, through > below + 1u || below + 1u >= p.count);
        s[n] = min(max(low + (high - low) * (rank - floor(rank)), 1.0), p.max);
    }
}
