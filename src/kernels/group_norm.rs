//! Group normalisation's statistics, as one multiply-add a channel.

use super::case::random;
use super::{BufferId, Case, Dispatch, Kernel, floats, output, params};
pub use crate::kernels::shaders::group_norm::Params;
use crate::kernels::shaders::group_norm::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: x, gamma, beta, temb, affine.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, [p.groups, p.batch, 1])
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, gamma, beta, temb] = floats(reads);
    let affine = output(writes);
    let width = (p.channels / p.groups) as usize;
    let (pixels, pitch, all) = (p.pixels as usize, p.pitch as usize, p.physical as usize);
    let physical = |c: usize| if c < p.split as usize { c } else { c + p.gap as usize };
    for n in 0..p.batch as usize {
        affine[n * 2 * all..][..2 * all].fill(0.0);
        for group in 0..p.groups as usize {
            let channels = group * width..(group + 1) * width;
            let values = || {
                let channels = channels.clone();
                (0..pixels).flat_map(move |i| {
                    let base = (n * pixels + i) * pitch + p.offset as usize;
                    channels.clone().map(move |c| f64::from(x[base + physical(c)]))
                })
            };
            let count = (pixels * width) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            let inverse = 1.0 / (variance + f64::from(p.eps)).sqrt();
            for c in channels {
                let mut factor = f64::from(gamma[c]) * inverse;
                let mut term = f64::from(beta[c]) - mean * factor;
                if p.temb_pitch != 0 {
                    let at = n * p.temb_pitch as usize + c;
                    let scale = 1.0 + f64::from(temb[at + p.scale_offset as usize]);
                    factor *= scale;
                    term = term * scale + f64::from(temb[at + p.shift_offset as usize]);
                }
                let place = physical(c);
                let at = n * all * 2 + place / 4 * 8 + place % 4;
                affine[at] = factor as f32;
                affine[at + 4] = term as f32;
            }
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params {
        batch: 2,
        pixels: 35,
        channels: 16,
        groups: 4,
        pitch: 16,
        split: 16,
        physical: 16,
        eps: 1e-5,
        ..Default::default()
    };
    // 6 + 9 channels in 8 + 12: groups of 5 straddle vec4s, padding and the seam.
    let straddling =
        Params { channels: 15, groups: 3, split: 6, gap: 2, physical: 20, pitch: 24, offset: 4, ..plain };
    let scale_shift = Params { temb_pitch: 48, scale_offset: 4, shift_offset: 24, ..straddling };
    [("plain", plain), ("straddling groups", straddling), ("scale-shift", scale_shift)]
        .map(|(label, p)| {
            let buffers = vec![
                random(1, p.batch * p.pixels * p.pitch),
                random(2, p.channels),
                random(3, p.channels),
                random(4, (p.batch * p.temb_pitch).max(4)),
                // What was there before must not shine through at the padding.
                random(5, p.batch * p.physical * 2),
            ];
            Case::new(label, &KERNEL, &p, buffers, [p.groups, p.batch, 1])
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_channels_get_zero() {
        let case = &cases()[1];
        let affine: Vec<f32> = case.expected()[4].iter().map(|w| f32::from_bits(*w)).collect();
        for pad in [6, 7, 17, 18, 19] {
            assert_eq!(affine[pad / 4 * 8 + pad % 4], 0.0);
            assert_eq!(affine[pad / 4 * 8 + pad % 4 + 4], 0.0);
        }
    }
}
