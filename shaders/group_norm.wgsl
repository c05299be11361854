// Group normalisation (Wu & He 2018), reduced to one multiply-add per element:
// a workgroup takes one group of one sample, finds mean and variance in two
// passes (x − μ, never E[x²] − μ²), and writes for each of its channels
// factor = γ/σ and term = β − μγ/σ. A time embedding's (scale, shift) joins in:
// y·(1 + scale) + shift. `activation` applies them.
//
// Groups are counted over logical channels and may straddle the vec4s, and the
// padding between the two halves of a concatenation.
#import affine

struct Params {
    batch: u32,
    pixels: u32,
    channels: u32,      // logical
    groups: u32,
    pitch: u32,         // of x, in floats
    offset: u32,
    split: u32,         // logical channels before the concatenation's gap
    gap: u32,           // padding channels at the split
    physical: u32,      // channels with all padding, the pitch of `affine`
    temb_pitch: u32,    // floats; 0: no scale-shift
    scale_offset: u32,
    shift_offset: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;            // (N, H·W, pitch)
@group(0) @binding(2) var<storage, read> gamma: array<f32>;        // (channels)
@group(0) @binding(3) var<storage, read> beta: array<f32>;         // (channels)
@group(0) @binding(4) var<storage, read> temb: array<f32>;         // (N, temb_pitch)
@group(0) @binding(5) var<storage, read_write> affine: array<f32>; // (N, physical/4, factor|term, 4)

const LANES: u32 = 64u;
const EIGHTH: u32 = 8u;
var<workgroup> partial: array<f32, LANES>;
var<workgroup> eighths: array<f32, EIGHTH>;

// The sum of every lane's value: by eights, then of the eight.
fn sum_of_lanes(lane: u32, value: f32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    if lane < EIGHTH {
        var sum = 0.0;
        for (var i = 0u; i < EIGHTH; i++) {
            sum += partial[lane * EIGHTH + i];
        }
        eighths[lane] = sum;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < EIGHTH; i++) {
        sum += eighths[i];
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let n = workgroup.y;
    let width = p.channels / p.groups;
    let first = group * width;
    let count = p.pixels * width;
    let base = n * p.pixels * p.pitch + p.offset;

    var sum = 0.0;
    for (var pixel = lane; pixel < p.pixels; pixel += LANES) {
        let at = base + pixel * p.pitch;
        for (var i = 0u; i < width; i++) {
            sum += x[at + physical(first + i)];
        }
    }
    let mean = sum_of_lanes(lane, sum) / f32(count);

    var square = 0.0;
    for (var pixel = lane; pixel < p.pixels; pixel += LANES) {
        let at = base + pixel * p.pitch;
        for (var i = 0u; i < width; i++) {
            let d = x[at + physical(first + i)] - mean;
            square += d * d;
        }
    }
    let inverse = inverseSqrt(sum_of_lanes(lane, square) / f32(count) + p.eps);

    for (var i = lane; i < width; i += LANES) {
        write_channel(n, first + i, mean, inverse);
    }
}
