// Group normalisation (Wu & He 2018), reduced to one multiply-add per element:
// a workgroup takes one group of one sample, finds mean and variance in two
// passes (x − μ, never E[x²] − μ²), and writes for each of its channels
// factor = γ/σ and term = β − μγ/σ. A time embedding's (scale, shift) joins in:
// y·(1 + scale) + shift. `activation` applies them.
//
// Groups are counted over logical channels and may straddle the vec4s, and the
// padding between the two halves of a concatenation.
#import group_norm

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
