// What a group norm writes: for each channel factor = γ/σ and term = β − μγ/σ, and
// the time embedding's scale and shift joined in. Needs Params p, gamma, beta, temb
// and affine.

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
