//! Group normalisation's statistics, as one multiply-add a channel.

use std::ops::Range;

use super::case::random;
use super::fast::Scratch;
use super::fast::split::each_chunk;
use super::{BufferId, Case, Dispatch, Kernel, floats, output, params};
pub use crate::kernels::shaders::group_norm::Params;
use crate::kernels::shaders::group_norm::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: x, gamma, beta, temb, affine.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, [p.groups, p.batch, 1])
}

pub(super) fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, gamma, beta, temb] = floats(reads);
    let affine = output(writes);
    let (pixels, pitch, all) = (p.pixels as usize, p.pitch as usize, p.physical as usize);
    for n in 0..p.batch as usize {
        let affine = &mut affine[n * 2 * all..][..2 * all];
        affine.fill(0.0);
        for group in 0..p.groups as usize {
            let channels = p.group(group);
            let values = || {
                let channels = channels.clone();
                (0..pixels).flat_map(move |i| {
                    let base = (n * pixels + i) * pitch + p.offset as usize;
                    channels.clone().map(move |c| f64::from(x[base + p.physical(c)]))
                })
            };
            let count = (pixels * channels.len()) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            p.normalize(group, [mean, variance], [gamma, beta, &temb[n * p.temb_pitch as usize..]], affine);
        }
    }
}

impl Params {
    /// The channels of a group.
    pub(super) fn group(&self, group: usize) -> Range<usize> {
        let width = (self.channels / self.groups) as usize;
        group * width..(group + 1) * width
    }

    /// Where a channel lies in its pixel, past the padding of what comes before it.
    pub(super) fn physical(&self, channel: usize) -> usize {
        if channel < self.split as usize { channel } else { channel + self.gap as usize }
    }

    /// Writes a sample's multiply-adds of a group from its mean and variance.
    pub(super) fn normalize(
        &self,
        group: usize,
        [mean, variance]: [f64; 2],
        [gamma, beta, temb]: [&[f32]; 3],
        affine: &mut [f32],
    ) {
        let inverse = 1.0 / (variance + f64::from(self.eps)).sqrt();
        for c in self.group(group) {
            let mut factor = f64::from(gamma[c]) * inverse;
            let mut term = f64::from(beta[c]) - mean * factor;
            if self.temb_pitch != 0 {
                let scale = 1.0 + f64::from(temb[self.scale_offset as usize + c]);
                factor *= scale;
                term = term * scale + f64::from(temb[self.shift_offset as usize + c]);
            }
            let place = self.physical(c);
            let at = place / 4 * 8 + place % 4;
            affine[at] = factor as f32;
            affine[at + 4] = term as f32;
        }
    }
}

/// All channels of a pixel at once: which of them make a group counts only for their sums.
fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], _: &mut Scratch) {
    let p: Params = params(bytes);
    let [x, gamma, beta, temb] = floats(reads);
    let (pixels, pitch, physical) = (p.pixels as usize, p.pitch as usize, p.physical as usize);
    let affine = &mut output(writes)[..2 * physical * p.batch as usize];
    each_chunk(affine, 2 * physical, pixels, |n, affine| {
        affine.fill(0.0);
        let x = &x[n * pixels * pitch + p.offset as usize..];
        let groups = 0..p.groups as usize;
        let mean = |sums: &[f64], group: usize| {
            let channels = p.group(group);
            let count = (pixels * channels.len()) as f64;
            channels.map(|c| sums[p.physical(c)]).sum::<f64>() / count
        };
        let mut centres = vec![0.0; physical];
        let sums = deviations(x, pitch, pixels, &centres, |d| d);
        let means: Vec<f64> = groups.clone().map(|group| mean(&sums, group)).collect();
        for group in groups.clone() {
            p.group(group).for_each(|c| centres[p.physical(c)] = means[group] as f32);
        }
        let squares = deviations(x, pitch, pixels, &centres, |d| d * d);
        for group in groups {
            let statistics = [means[group], mean(&squares, group)];
            p.normalize(group, statistics, [gamma, beta, &temb[n * p.temb_pitch as usize..]], affine);
        }
    });
}

/// Σ f(x − centre) of every channel: of a few pixels in f32, of all in f64.
fn deviations(
    x: &[f32],
    pitch: usize,
    pixels: usize,
    centres: &[f32],
    f: impl Fn(f32) -> f32 + Copy,
) -> Vec<f64> {
    const FEW: usize = 16;
    let mut all = vec![0f64; centres.len()];
    let mut few = vec![0f32; centres.len()];
    for first in (0..pixels).step_by(FEW) {
        few.fill(0.0);
        for pixel in first..pixels.min(first + FEW) {
            let x = &x[pixel * pitch..][..centres.len()];
            for ((sum, x), centre) in few.iter_mut().zip(x).zip(centres) {
                *sum += f(x - centre);
            }
        }
        all.iter_mut().zip(&few).for_each(|(all, few)| *all += f64::from(*few));
    }
    all
}

fn cases() -> Vec<Case> {
    cases_of(&KERNEL, |p| [p.groups, p.batch, 1])
}

pub(super) fn cases_of(kernel: &'static Kernel, grid: impl Fn(&Params) -> [u32; 3]) -> Vec<Case> {
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
            Case::new(label, kernel, &p, buffers, grid(&p))
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
