// What the variants of group norm have in common. They write for each channel factor = γ/σ and
// term = β − μγ/σ, and the time embedding's scale and shift joined in.

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

fn physical(channel: u32) -> u32 {
    return channel + select(0u, p.gap, channel >= p.split);
}

fn write_affine(n: u32, channel: u32, factor: f32, term: f32) {
    let at = n * p.physical * 2u + (channel / 4u) * 8u + channel % 4u;
    affine[at] = factor;
    affine[at + 4u] = term;
}

// A channel of a group with this mean and 1/σ, and the padding behind it.
fn write_channel(n: u32, channel: u32, mean: f32, inverse: f32) {
    var factor = gamma[channel] * inverse;
    var term = beta[channel] - mean * factor;
    if p.temb_pitch != 0u {
        let at = n * p.temb_pitch + channel;
        let scale = 1.0 + temb[at + p.scale_offset];
        factor *= scale;
        term = term * scale + temb[at + p.shift_offset];
    }
    let place = physical(channel);
    write_affine(n, place, factor, term);
    // A padding channel stays zero whatever the activation before it was.
    let end = select(p.physical, p.split + p.gap, channel + 1u == p.split);
    if channel + 1u == p.split || channel + 1u == p.channels {
        for (var pad = place + 1u; pad < end; pad++) {
            write_affine(n, pad, 0.0, 0.0);
        }
    }
}
