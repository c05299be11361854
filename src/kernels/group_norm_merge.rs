//! Group normalisation's multiply-adds from the moments of `channel_moments`.

use super::case::random;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, group_norm, output, params};
pub use crate::kernels::shaders::group_norm_merge::Params;
use crate::kernels::shaders::group_norm_merge::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: moments, gamma, beta, temb, affine.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

impl Params {
    /// For the moments of such stretches of what a group norm reads.
    pub fn of(p: &group_norm::Params, stretch: u32) -> Self {
        let group_norm::Params { batch, pixels, channels, groups, split, gap, physical, .. } = *p;
        let group_norm::Params { temb_pitch, scale_offset, shift_offset, eps, .. } = *p;
        Self {
            batch,
            pixels,
            stretch,
            channels,
            groups,
            split,
            gap,
            physical,
            temb_pitch,
            scale_offset,
            shift_offset,
            eps,
        }
    }

    fn norm(&self) -> group_norm::Params {
        let Self { batch, pixels, channels, groups, split, gap, physical, .. } = *self;
        let Self { temb_pitch, scale_offset, shift_offset, eps, .. } = *self;
        group_norm::Params {
            batch,
            pixels,
            channels,
            groups,
            split,
            gap,
            physical,
            temb_pitch,
            scale_offset,
            shift_offset,
            eps,
            ..Default::default()
        }
    }
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.groups)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let norm = p.norm();
    let [moments, gamma, beta, temb] = floats(reads);
    let (all, stretches) = (p.physical as usize, p.pixels.div_ceil(p.stretch) as usize);
    for (n, affine) in output(writes).chunks_exact_mut(2 * all).take(p.batch as usize).enumerate() {
        affine.fill(0.0);
        for group in 0..p.groups as usize {
            // (pixels, mean, squared deviations) of every channel and stretch.
            let parts = || {
                let of_stretch = |stretch: usize| {
                    let pixels = p.stretch.min(p.pixels - stretch as u32 * p.stretch);
                    let base = (n * stretches + stretch) * 2 * all;
                    norm.group(group).map(move |channel| {
                        let place = norm.physical(channel);
                        let at = base + place / 4 * 8 + place % 4;
                        (f64::from(pixels), f64::from(moments[at]), f64::from(moments[at + 4]))
                    })
                };
                (0..stretches).flat_map(of_stretch)
            };
            let count: f64 = parts().map(|(pixels, ..)| pixels).sum();
            let mean = parts().map(|(pixels, mean, _)| pixels * mean).sum::<f64>() / count;
            let apart = |(pixels, of_part, squares): (f64, f64, f64)| {
                squares + pixels * (of_part - mean) * (of_part - mean)
            };
            let variance = parts().map(apart).sum::<f64>() / count;
            norm.normalize(
                group,
                [mean, variance],
                [gamma, beta, &temb[n * p.temb_pitch as usize..]],
                affine,
            );
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params {
        batch: 2,
        pixels: 35,
        stretch: 16,
        channels: 16,
        groups: 4,
        split: 16,
        physical: 16,
        eps: 1e-5,
        ..Default::default()
    };
    let straddling = Params { channels: 15, groups: 3, split: 6, gap: 2, physical: 20, stretch: 64, ..plain };
    let scale_shift = Params { temb_pitch: 48, scale_offset: 4, shift_offset: 24, ..straddling };
    [("plain", plain), ("straddling groups", straddling), ("scale-shift", scale_shift)]
        .map(|(label, p)| {
            let buffers = vec![
                moments(&p),
                random(2, p.channels),
                random(3, p.channels),
                random(4, (p.batch * p.temb_pitch).max(4)),
                // What was there before must not shine through at the padding.
                random(5, p.batch * p.physical * 2),
            ];
            Case::new(label, &KERNEL, &p, buffers, grid(&p))
        })
        .into()
}

/// Means of either sign, and squares that are none below zero.
fn moments(p: &Params) -> Vec<u32> {
    let words = random(1, 2 * p.batch * p.pixels.div_ceil(p.stretch) * p.physical);
    let is_square = |at: usize| at % 8 >= 4;
    let square = |word: u32| (10.0 * f32::from_bits(word).abs()).to_bits();
    words.into_iter().enumerate().map(|(at, word)| if is_square(at) { square(word) } else { word }).collect()
}
