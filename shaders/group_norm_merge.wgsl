// Group normalisation from the moments of `channel_moments`: a thread merges those
// of one group of one sample (Chan, Golub & LeVeque 1979) and writes what
// `group_norm` would.
#import grid
#import affine

struct Params {
    batch: u32,
    pixels: u32,
    stretch: u32,       // pixels of each moment; the last may have fewer
    channels: u32,      // logical
    groups: u32,
    split: u32,         // logical channels before the concatenation's gap
    gap: u32,           // padding channels at the split
    physical: u32,      // channels with all padding, the pitch of `moments` and `affine`
    temb_pitch: u32,    // floats; 0: no scale-shift
    scale_offset: u32,
    shift_offset: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> moments: array<f32>;      // (N, stretches, physical/4, mean|squares, 4)
@group(0) @binding(2) var<storage, read> gamma: array<f32>;        // (channels)
@group(0) @binding(3) var<storage, read> beta: array<f32>;         // (channels)
@group(0) @binding(4) var<storage, read> temb: array<f32>;         // (N, temb_pitch)
@group(0) @binding(5) var<storage, read_write> affine: array<f32>; // (N, physical/4, factor|term, 4)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    let group = id % p.groups;
    let n = id / p.groups;
    if n >= p.batch {
        return;
    }
    let width = p.channels / p.groups;
    let first = group * width;
    let stretches = (p.pixels + p.stretch - 1u) / p.stretch;

    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var stretch = 0u; stretch < stretches; stretch++) {
        let base = (n * stretches + stretch) * p.physical * 2u;
        let more = f32(min(p.stretch, p.pixels - stretch * p.stretch));
        for (var i = 0u; i < width; i++) {
            let place = physical(first + i);
            let at = base + place / 4u * 8u + place % 4u;
            let d = moments[at] - mean;
            let sum = count + more;
            mean += d * more / sum;
            squares += moments[at + 4u] + d * d * count * more / sum;
            count = sum;
        }
    }
    let inverse = inverseSqrt(squares / count + p.eps);
    for (var i = 0u; i < width; i++) {
        write_channel(n, first + i, mean, inverse);
    }
}
